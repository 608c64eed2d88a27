/**
 * Random changes to handshake messages. The expected end is always the same: a named code, and no acceptance by the side
 * that received the change.
 * @module
 */
import { expect } from 'vitest';
import { isErrorCode } from '../../src/errors.ts';
import { UniformSource } from '../../src/rng.ts';
import { RECEIVER, seededRng, session, type Wire } from './support.ts';

const RECORDED = session('recorded for mutation').log;

function mutate(bytes: Uint8Array, draw: UniformSource): Uint8Array {
  const out = bytes.slice();
  const at = draw.below(out.length);
  switch (draw.below(7)) {
    case 0:
      out[at] = out[at]! ^ (1 << draw.below(8));
      return out;
    case 1:
      for (let i = 0; i < 8; i++) out[draw.below(out.length)] = draw.below(256);
      return out;
    case 2:
      return out.subarray(0, at);
    case 3:
      return Uint8Array.from([...out, ...out.subarray(at)]);
    case 4:
      out.copyWithin(at, draw.below(out.length));
      return out;
    case 5:
      return RECORDED[draw.below(RECORDED.length)]!.slice();
    default:
      out[0] = 0xa0 + draw.below(16);
      out[at] = draw.below(256);
      return out;
  }
}

/** `count` sessions with one message changed; returns how often each receiver's code occurred. */
export function mutateSessions(count: number, seed: string): ReadonlyMap<string, number> {
  const draw = new UniformSource(seededRng(seed));
  const codes = new Map<string, number>();
  for (let round = 0; round < count; round++) {
    const target = draw.below(RECORDED.length);
    const state = { changed: false };
    const wire: Wire = (bytes, _from, index) => {
      if (index !== target) return [bytes];
      const out = mutate(bytes, draw);
      state.changed = Buffer.compare(out, bytes) !== 0;
      return [out];
    };
    const { a, b } = session('mutation', wire);
    if (!state.changed) continue;
    const [victim, other] = RECEIVER[target] === 'init' ? [a, b] : [b, a];
    const where = `seed ${seed}, round ${round}, message ${target + 1}`;
    expect(victim.opened, where).toBeUndefined();
    if (target < 6) expect(other.opened, where).toBeUndefined();
    for (const party of [victim, other]) {
      const code = party.failed?.code ?? 'none';
      expect(isErrorCode(code) || party.opened !== undefined, where).toBe(true);
      expect(code, where).not.toBe('ERR_INTERNAL');
    }
    const code = victim.failed?.code ?? 'none';
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  return codes;
}
