/**
 * The exchange that ends a run: no release before both logs have the receipt and each is cosigned, nothing charged when
 * a log went back, and every forgery by the other side refused by its name.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { VERIFIER } from '../../attestation/build.ts';
import { projectVersion } from '../../host/cli/root.ts';
import { commitInput, commitRelease } from '../../src/run/receipt.ts';
import { fixed } from '../../src/bytes.ts';
import { fromUtf8, toHex, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Role } from '../../src/run/manifest.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { cannedReceipt } from '../support/canned-receipt.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';
import { runPair, type Wire } from '../support/run-pair.ts';
import { tableOf } from '../support/tables.ts';
import { seededRng } from '../support/test-rng.ts';
import { makeWorld, type Tamper, type World } from './world.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('../ledger/native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

const manifest = testManifest(1, EXAMPLE_WEIGHTS);
const cells = { a: [['x'], ['y']], b: [['y'], ['z']] };

describe('the phases of a run', () => {
  it.each(['account', 'accept', 'agree', 'record', 'witness', 'finish'] as const)(
    'end without a release when side a fails at %s',
    (failing) => {
      const { releases, failures, log } = runPair(manifest, cells, {
        rng: seededRng(`receipt fails at ${failing}`),
        receipt: (role: Role, { step }) => {
          if (role === 'a' && step === failing) throw new DpcaError('ERR_LOG_STORE', 'full');
          return cannedReceipt(step);
        },
      });
      expect(() => {
        throw failures.a;
      }).toThrowCode('ERR_LOG_STORE');
      expect(releases.a).toBeUndefined();
      // b has one only if a had sent everything that b needs
      if (failing !== 'finish') expect(releases.b).toBeUndefined();
      const early = failing === 'account' || failing === 'accept';
      expect(log.some((wire) => wire.from === 'a' && wire.type === MESSAGE.held)).toBe(!early);
    },
  );

  it.each(['account', 'receipt', 'logged', 'witnessed'] as const)(
    'do not go on without %s, nor with a second one',
    (kind) => {
      const drop = (wire: Wire) => (wire.from === 'a' && wire.type === MESSAGE[kind] ? [] : [wire]);
      const twice = (wire: Wire) =>
        wire.from === 'a' && wire.type === MESSAGE[kind] ? [wire, wire] : [wire];
      const without = runPair(manifest, cells, { rng: seededRng(`no ${kind}`), tap: drop });
      expect(without.releases.b).toBeUndefined();
      const again = runPair(manifest, cells, { rng: seededRng(`two ${kind}`), tap: twice });
      expect(() => {
        throw again.failures.b;
      }).toThrowCode('ERR_WIRE_UNEXPECTED');
    },
  );
});

describe('commitments', () => {
  const salt = fixed(new Uint8Array(32).fill(7), 32, 'salt');
  it('bind every cell, its place and the salt', () => {
    const tables = [
      [['ab', 'c']],
      [['a', 'bc']],
      [['abc', null]],
      [['ab', 'd']],
      [
        ['ab', 'c'],
        ['ab2', 'c2'],
      ],
    ].map((rows) => toHex(commitInput(salt, tableOf(rows, 2))));
    expect(new Set(tables).size).toBe(tables.length);
    const other = fixed(new Uint8Array(32).fill(8), 32, 'salt');
    expect(toHex(commitInput(other, tableOf([['ab', 'c']], 2)))).not.toBe(tables[0]);
  });

  it('bind release and moments', () => {
    const commit = (value: number, moments: readonly bigint[]): string =>
      toHex(commitRelease(salt, { release: { value }, moments }));
    const all = [
      commit(1, []),
      commit(2, []),
      commit(1, [0n]),
      commit(1, [0n, 0n]),
      commit(1, [-1n]),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

it('states the version of package.json', () => {
  expect(VERIFIER.build).toBe(projectVersion());
});

describe('a peer that cheats', () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(seededRng('cheating'), 50);
    await world.run();
  });
  const flip = <T extends Uint8Array>(bytes: T): T => {
    const out = bytes.slice() as T;
    out[10] = (out[10] ?? 0) ^ 1;
    return out;
  };
  const rewritten = (change: (text: string) => string): Tamper => ({
    account: (message) => ({ ...message, statement: utf8(change(fromUtf8(message.statement))) }),
  });
  const cases: readonly (readonly [string, Tamper, string])[] = [
    [
      'another enclave key',
      rewritten((t) => t.replace(/"enclaveKey":"../, '"enclaveKey":"99')),
      'ERR_RECEIPT',
    ],
    [
      'a result that it did not sign',
      rewritten((t) => t.replace(/("ear":"[^"]*)..","/, '$1AA","')),
      'ERR_RECEIPT',
    ],
    ['an account in another form', rewritten((t) => `${t} `), 'ERR_RECEIPT'],
    [
      'a checkpoint that nobody signed',
      rewritten((t) =>
        t.replace(/"held":"([^"]*)\\n2\\n/, '"held":"$1\\n9\\n').replace(/\\n3\\n/, '\\n9\\n'),
      ),
      'ERR_RECEIPT',
    ],
    ['a signature of something else', { signature: flip }, 'ERR_RECEIPT'],
    [
      'a log without the receipt',
      { logged: (m) => ({ ...m, inclusion: m.inclusion.slice(1) }) },
      'ERR_RECEIPT',
    ],
    [
      'another envelope',
      { logged: (m) => ({ ...m, envelope: utf8(fromUtf8(m.envelope).replace('nsm', 'host')) }) },
      'ERR_RECEIPT',
    ],
    [
      'a log that does not continue',
      { logged: (m) => ({ ...m, consistency: m.consistency.map(flip) }) },
      'ERR_LOG_PEER_ROLLBACK',
    ],
    ['a cosignature of something else', { cosignature: flip }, 'ERR_RECEIPT'],
  ];
  it.each(cases)('with %s is refused', async (_what, tamper, code) => {
    await expect(world.fork().run({ tamper })).rejects.toThrowCode(code as never);
  });

  it('by going back behind what was seen is found before anything is charged', async () => {
    const later = world.fork();
    await later.run();
    // a's log as it was, with b's memory of now
    const restored = world.fork();
    restored.sides.b.seen = later.sides.b.seen;
    restored.sides.b.memory = later.sides.b.memory;
    await expect(restored.run()).rejects.toThrowCode('ERR_LOG_ROLLBACK');
  });
});
