/**
 * A process of its own that appends to a log until it is killed or refused, for test/log/killed.ts. Says on stdout what
 * the store has acknowledged, line by line and unbuffered: what the test reads there was said before the end.
 * @module
 */
import { writeSync } from 'node:fs';
import { type Completion, type LogEntry } from '../../attestation/log-record.ts';
import { leafHash } from '../../attestation/merkle.ts';
import { openLog } from '../../host/log/run-log.ts';
import { LogStore } from '../../host/log/store.ts';
import { fixed } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { steppedFiles } from './dying-files.ts';

export interface Job {
  readonly folder: string;
  readonly identity: string;
  /** Ed25519, hex. */
  readonly log: { readonly publicKey: string; readonly privateKey: string };
  /** Records and completions to add behind what is there. */
  readonly count: number;
  /** Point of the file operations at which the process kills itself, from 1; 0 for none. */
  readonly killAt: number;
}

export const entryOf = (n: number): LogEntry => ({
  ...{ type: 'abort', session: null, peer: '11'.repeat(32), phase: 'match' },
  ...{ code: 'ERR_PEER_LOST', charged: { lineage: 'cd'.repeat(16), slot: n + 1 } },
});

export const completionOf = (seq: number): Completion => ({
  ...{ seq, opened: null, checkpoint: `note ${'x'.repeat(2_000)}\n` },
  peer: {
    checkpoint: 'note\n',
    envelope: { seq: 1, prev: '00'.repeat(32), time: 1, clock: 'nsm' },
    inclusion: [],
  },
});

function say(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(' ')}\n`);
}

async function main(job: Job): Promise<void> {
  const { signal } = new AbortController();
  let points = 0;
  const files = steppedFiles(() => {
    points += 1;
    if (points === job.killAt) process.kill(process.pid, 'SIGKILL');
  });
  const [publicKey, privateKey] = [job.log.publicKey, job.log.privateKey].map((hex) =>
    fixed(fromHex(hex), 32, 'key'),
  );
  if (publicKey === undefined || privateKey === undefined) throw new Error('no key');
  const owner = { name: 'owner', identity: job.identity, log: { publicKey, privateKey } };
  try {
    const store = new LogStore(job.folder, files);
    await openLog(store, owner, signal);
    say('record', 0, toHex(leafHash(store.records[0] ?? new Uint8Array())));
    for (let i = 0; i < job.count; i++) {
      const at = { time: 1_800_000_000_000 + i, clock: 'host' } as const;
      const opening = '22'.repeat(32);
      const { envelope } = await store.append(owner, entryOf(i), at, signal, { opening });
      const { seq } = envelope;
      say('record', seq, toHex(leafHash(store.records[seq] ?? new Uint8Array())));
      await store.complete(completionOf(seq), signal);
      say('completion', seq);
    }
    say('points', points);
  } catch (error) {
    if (!(error instanceof DpcaError)) throw error;
    say('refused', error.code);
  }
}

const given = process.argv[2];
// imported for its types and entries by the test
if (given !== undefined && process.argv[1]?.endsWith('appender.js') === true) {
  await main(JSON.parse(given) as Job);
}
