/**
 * Every level of arithmetic on this installation and processor, tried with the known-answer test; for `dpca doctor`.
 * @module
 */
import { NODE_SOURCE } from './implementation.ts';
import { ADDON } from './native.ts';
import { openTested } from './node-kernel.ts';
import { failure, findSources, type Skipped } from './open.ts';

/** All back ends of enclave/native, of which a processor may have fewer. */
const NATIVE_LEVELS = ['native-ifma', 'native-fma', 'native-scalar'];

export interface LevelReport {
  readonly level: string;
  /** The first that works is in use. */
  readonly state: 'in use' | 'works' | 'fails' | 'absent';
  readonly reason: string;
}

/** In the order in which they are tried. */
export async function reportLevels(addon: URL = ADDON): Promise<readonly LevelReport[]> {
  const { sources, skipped } = findSources(addon);
  const reports = skipped.map(report);
  const hasAddon = sources.some(({ kind }) => kind === 'native');
  for (const level of NATIVE_LEVELS) {
    if (hasAddon && !sources.some(({ name }) => name === level)) {
      const reason = 'this processor does not have its instructions';
      reports.push(report({ level, reason, failed: false }));
    }
  }
  const reference = await openTested(NODE_SOURCE, { workers: 0 }).catch(() => undefined);
  let found = false;
  for (const source of sources) {
    const level = source.name;
    try {
      await (await openTested(source, { workers: 0 }, reference)).close();
      const state = found ? 'works' : 'in use';
      const reason = found
        ? 'a faster level works'
        : 'the fastest that passed its known-answer test';
      reports.push({ level, state, reason });
      found = true;
    } catch (error) {
      reports.push(report(failure(level, error)));
    }
  }
  return reports;
}

function report({ level, reason, failed }: Skipped): LevelReport {
  return { level, state: failed ? 'fails' : 'absent', reason };
}
