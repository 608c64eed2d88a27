/**
 * Progress of a run on stderr: one self-overwriting line on a terminal, a log line per tenth otherwise. Counts are
 * of public things only (elements of a table whose length both hosts see anyway).
 * @module
 */
import type { Writable } from 'node:stream';
import type { Log } from './log.ts';

export interface Progress {
  /** Starts a phase, ending the one before; `total` in the unit of {@link advance}, when it is known. */
  phase(name: string, total?: number): void;
  advance(n: number): void;
  /** Ends the last phase. */
  done(): void;
}

export interface ProgressOutput {
  readonly stderr: Writable & { readonly columns?: number };
  readonly isTty: boolean;
  readonly quiet: boolean;
  readonly log: Log;
}

const BAR_CELLS = 24;
const REDRAW_MS = 100;

export function createProgress(output: ProgressOutput): Progress {
  const bar = output.isTty && !output.quiet;
  let name = '';
  let total: number | undefined;
  let count = 0;
  let startedMs = 0;
  let drawnMs = 0;
  let loggedTenth = 0;

  const share = (): number => (total === undefined || total === 0 ? 0 : Math.min(1, count / total));
  const draw = (nowMs: number, mark: string): void => {
    drawnMs = nowMs;
    const cells = Math.round(share() * BAR_CELLS);
    const shown =
      total === undefined
        ? ''
        : ` ${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)} ${Math.floor(share() * 100)} %`;
    const seconds = ((nowMs - startedMs) / 1000).toFixed(1);
    const line = `${mark} ${name}${shown} ${seconds} s`;
    const { columns = 0 } = output.stderr;
    output.stderr.write(`\r\x1b[2K${line.slice(0, columns > 0 ? columns : 80)}`);
  };
  const finish = (): void => {
    if (name === '') return;
    const nowMs = Date.now();
    if (bar) {
      if (total !== undefined) count = total;
      draw(nowMs, '✓');
      output.stderr.write('\n');
    } else output.log.info({ phase: name, ms: nowMs - startedMs }, 'phase ended');
    name = '';
  };
  return {
    phase(next, size) {
      finish();
      name = next;
      total = size;
      count = 0;
      loggedTenth = 0;
      startedMs = Date.now();
      if (bar) draw(startedMs, '…');
      else
        output.log.info({ phase: name, ...(size === undefined ? {} : { total: size }) }, 'phase');
    },
    advance(n) {
      count += n;
      const nowMs = Date.now();
      if (bar) {
        if (nowMs - drawnMs >= REDRAW_MS) draw(nowMs, '…');
        return;
      }
      const tenth = Math.floor(share() * 10);
      if (tenth > loggedTenth) {
        loggedTenth = tenth;
        output.log.info({ phase: name, percent: tenth * 10 }, 'progress');
      }
    },
    done: finish,
  };
}
