/**
 * The audit at length: changes to a bundle of 50 runs, and many runs against the clock. SWEEP=full takes 5,000 changes
 * and 1,000 runs, some minutes of one core; otherwise as many as fit into about one.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { expect, it, vi } from 'vitest';
import { auditBundle } from '../../attestation/audit.ts';
import { cosign, withCosignature } from '../../attestation/checkpoint.ts';
import { cosignerName } from '../../attestation/ledger-session.ts';
import { logOrigin } from '../../attestation/log-record.ts';
import { verifyEd25519 } from '../../host/ed25519-node.ts';
import { fromUtf8 } from '../../src/encoding.ts';
import { seededRng } from '../support/test-rng.ts';
import { sweep } from './mutations.ts';
import { makeWorld } from './world.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('../ledger/native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

const CHANGES = process.env['SWEEP'] === 'full' ? 5_000 : 1_200;
const RUNS = process.env['SWEEP'] === 'full' ? 1_000 : 100;

it('finds changes of bytes and lines in a bundle of 50 runs', async () => {
  const world = await makeWorld(seededRng('slow sweep'), 50);
  const peer = world.manifest.parties.b.identity;
  for (let i = 0; i < 50; i++) {
    await world.run({ initiator: i % 2 === 0 ? 'a' : 'b', reattest: i % 10 === 3 });
    if (i % 10 !== 7) continue;
    const end = { session: null, peer, code: 'PCR_MISMATCH' } as const;
    world.end('a', { type: 'refusal', by: 'own', document: 'AAAA', ...end });
    world.end('a', { type: 'abort', phase: 'match', charged: null, ...end });
  }
  const { a, b } = world.sides;
  // a third witness saw it half-way and at the end
  const witness = { name: cosignerName('ff'.repeat(32)), ...b.log.key };
  for (const size of [30, a.log.tree.size]) {
    const checkpoint = { origin: logOrigin(a.log.log), size, root: a.log.tree.root(size) };
    const cosignature = cosign(checkpoint, witness, 1_800_000_000n);
    a.log.witnessed.push(fromUtf8(withCosignature(a.log.note(size), witness, cosignature)));
  }
  const start = process.cpuUsage();
  await sweep(
    a.log.bundle(),
    b.log.bundle(),
    world.options({ witnesses: [witness], verifyEd25519 }),
    {
      ...{ count: CHANGES, seed: 'slow sweep', fresh: 100 },
    },
  );
  const { user, system } = process.cpuUsage(start);
  console.log(`${CHANGES} changes: ${(user + system) / 1e6} s CPU`);
});

it('audits 1,000 runs in a minute, or as many fewer in as much less', async () => {
  // verifiers as dpca audit verify has them; a busy machine makes the wall clock meaningless, so CPU time counts
  const weights = [
    26, 22, 14, 12, 8, 8, 8, 6, 6, 4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1,
  ];
  const world = await makeWorld(seededRng('a thousand'), RUNS, { epsilon: '50', weights });
  for (let i = 0; i < RUNS; i++) await world.run({ initiator: i % 2 === 0 ? 'a' : 'b' });
  const bundle = world.sides.a.log.bundle();
  vi.doUnmock('@noble/curves/ed25519.js');
  vi.resetModules();
  const fresh = await import('../../attestation/audit.ts');
  expect(fresh.auditBundle).not.toBe(auditBundle);
  const { parsePolicy } = await import('../../attestation/policy.ts');
  const policy = parsePolicy(world.policyText);
  const [wall, before] = [Date.now(), process.cpuUsage()];
  const result = await fresh.auditBundle(bundle, world.options({ policy, verifyEd25519 }));
  const cpu = process.cpuUsage(before);
  const seconds = (cpu.user + cpu.system) / 1e6;
  console.log(
    `${RUNS} runs: ${bundle.length} bytes, ${(Date.now() - wall) / 1000} s wall, ${seconds} s CPU`,
  );
  expect(result.verdict).toBe('pass');
  // half of what was asked for, and what every audit costs however few runs there are
  expect(seconds).toBeLessThan(2 + (30 * RUNS) / 1_000);
});
