/**
 * One whole run between two machines with the real group and fixed randomness, frozen message by message: a change of
 * any byte on the wire, or of their order, fails here. The session's AEAD would carry exactly these bodies; charge and receipt
 * are those of test/support/canned-ledger.ts and canned-receipt.ts.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { fixed } from '../../src/bytes.ts';
import { toHex } from '../../src/encoding.ts';
import { nobleKernel } from '../../src/group/noble-kernel.ts';
import { manifestBytes, parseManifest } from '../../src/run/manifest.ts';
import { CHUNK_ELEMENTS } from '../../src/wire/limits.ts';
import { testManifest } from '../support/manifests.ts';
import type { Cells } from '../support/tables.ts';
import { seededRng } from '../support/test-rng.ts';
import { observedPair, OTHER } from './observed-pair.ts';
import { findings } from './tap-checker.ts';

const FILE = fileURLToPath(new URL('../fixtures/conformance/transcript.json', import.meta.url));

interface Transcript {
  readonly spec: string;
  readonly source: string;
  readonly generator: string;
  readonly in: {
    readonly manifest: string;
    readonly session: string;
    readonly tables: { readonly a: Cells; readonly b: Cells };
    readonly seeds: { readonly a: string; readonly b: string };
  };
  readonly messages: readonly {
    readonly from: 'a' | 'b';
    readonly type: number;
    readonly bytes: number;
    readonly sha256: string;
  }[];
  readonly release: unknown;
}

/** Seeds name AES-128-CTR streams of test/support/test-rng.ts, one per party. */
const INPUT: Transcript['in'] = {
  manifest: new TextDecoder().decode(manifestBytes(testManifest(2, [3, 2, 1, 1]))),
  session: toHex(seededRng('frozen session')(32)),
  tables: {
    a: [
      ['ann@example.org', 'd1'],
      ['bob@example.org', null],
      [null, 'd3'],
      ['dan@example.org', 'd4'],
      ['eve@example.org', 'd5'],
    ],
    b: [
      ['bob@example.org', 'd1'],
      ['fay@example.org', 'd3'],
      [null, 'd5'],
      ['ann@example.org', 'd9'],
    ],
  },
  seeds: { a: 'frozen a', b: 'frozen b' },
};

it('is the frozen one, byte by byte', async () => {
  const manifest = parseManifest(INPUT.manifest);
  const { log, releases } = await observedPair(manifest, INPUT.tables, {
    sessionId: fixed(new Uint8Array(Buffer.from(INPUT.session, 'hex')), 32, 'session'),
    rng: { a: seededRng(INPUT.seeds.a), b: seededRng(INPUT.seeds.b) },
    kernel: nobleKernel(),
    choose: () => 0,
    chunk: CHUNK_ELEMENTS,
  });
  expect(findings(log, manifest, ['ann@example.org', 'bob@example.org'])).toEqual([]);
  expect(releases.a).toEqual(releases.b);
  const now: Transcript = {
    spec: 'docs/specification.md sections 5 to 9',
    source: 'this implementation; frozen so that a change of bytes on the wire is noticed',
    generator: 'FREEZE=1 vitest run test/conformance/transcript.test.ts',
    in: INPUT,
    messages: log
      .filter((event) => event.at === 'sent')
      .map(({ from, type, body }) => ({
        ...{ from, type, bytes: body.length },
        sha256: createHash('sha256').update(body).digest('hex'),
      })),
    release: releases.a,
  };
  if (process.env['FREEZE'] === '1') writeFileSync(FILE, `${JSON.stringify(now, null, 2)}\n`);
  const frozen = JSON.parse(readFileSync(FILE, 'utf8')) as Transcript;
  expect(now).toEqual(frozen);
  // 20 messages a side: manifest, table, account, four of the charge, commit, reveal, 2 points, 2 tags, reblind, sizes,
  // release, receipt, logged, witnessed, bye
  expect(frozen.messages.filter(({ from }) => from === 'a').length).toBe(20);
  expect(frozen.messages.filter(({ from }) => from === OTHER.a).length).toBe(20);
});
