/**
 * The audit at length: changes to a bundle of 50 runs, every field of a run, and many runs against the clock. Each change
 * is audited afresh, so SWEEP=full, with 5,000 changes and 1,000 runs, takes hours; otherwise 200 and 100.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { expect, it, vi } from 'vitest';
import { auditBundle } from '../../attestation/audit.ts';
import { seededRng } from '../support/test-rng.ts';
import { sweep } from './mutations.ts';
import { makeWorld } from './world.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('../ledger/native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

const [CHANGES, RUNS] = process.env['SWEEP'] === 'full' ? [5_000, 1_000] : [200, 100];

it('finds changes of bytes and lines in a bundle of 50 runs', async () => {
  const world = await makeWorld(seededRng('slow sweep'), 50);
  for (let i = 0; i < 50; i++) await world.run({ initiator: i % 2 === 0 ? 'a' : 'b' });
  const { a, b } = world.sides;
  await sweep(a.log.bundle(), b.log.bundle(), world.options(), CHANGES, 'slow sweep');
});

it('audits 1,000 runs in a minute, or as many fewer in as much less', async () => {
  // with noble's own Ed25519, as auditors have it; a busy machine makes the wall clock meaningless, so CPU time counts
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
  const result = await fresh.auditBundle(bundle, world.options({ policy }));
  const cpu = process.cpuUsage(before);
  const seconds = (cpu.user + cpu.system) / 1e6;
  console.log(
    `${RUNS} runs: ${bundle.length} bytes, ${(Date.now() - wall) / 1000} s wall, ${seconds} s CPU`,
  );
  expect(result.verdict).toBe('pass');
  expect(seconds).toBeLessThan((60 * RUNS) / 1_000);
});
