/**
 * `dpca audit replay` on the recorded draws of runs: the recomputed noise is the difference between masked size and
 * plain truth, for both kinds of mask; a changed draw, a missing one and another session are found.
 */
import { describe, expect, it } from 'vitest';
import { openCommitments, parseDraws, replayNoise } from '../../host/audit/replay.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import { commit } from '../../src/dp/coins.ts';
import { toHex } from '../../src/encoding.ts';
import { UniformSource } from '../../src/rng.ts';
import type { Role } from '../../src/run/manifest.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import { runPair } from '../support/run-pair.ts';
import { randomPair } from '../support/tables.ts';
import { seededRng } from '../support/test-rng.ts';

/** A run whose 32-byte draws are written down, as the simulated enclave does. */
function recordedRun(seed: string, mask?: object) {
  const draws: Bytes<32>[] = [];
  const inner = seededRng(seed);
  const rng = (n: number): Uint8Array => {
    const drawn = inner(n);
    if (n === 32 && draws.length < 200) draws.push(fixed(drawn.slice(), 32, 'draw'));
    return drawn;
  };
  const base = testManifest(2, EXAMPLE_WEIGHTS);
  const manifest =
    mask === undefined
      ? base
      : testManifest(2, EXAMPLE_WEIGHTS, { privacy: { ...base.privacy, mask } } as never);
  const [a, b] = randomPair(new UniformSource(seededRng(`${seed} tables`)), 2, 12);
  const result = runPair(manifest, { a, b }, { rng });
  expect(result.failures).toEqual({});
  const release = result.releases.a as { session: string; maskedSizes: number[] };
  const sessionId = fixed(new Uint8Array(Buffer.from(release.session, 'hex')), 32, 'session');
  const commitments = (role: Role) => {
    const { body } = result.log.find((wire) => wire.from === role && wire.type === MESSAGE.commit)!;
    const at = (i: number): string => toHex(body.subarray(32 * i, 32 * (i + 1)));
    return { seed: at(0), mix: at(1), coins: at(2) };
  };
  return { draws, manifest, release, sessionId, commitments, truth: plainWaterfall(a, b, 2) };
}

describe('dpca audit replay', () => {
  it.each([
    ['xor', undefined],
    ['intersect', { kind: 'intersect', columns: [20, 20] }],
  ])('gives exactly the difference between masked size and truth: %s', (name, mask) => {
    for (let seed = 0; seed < 10; seed++) {
      const run = recordedRun(`replay ${name} ${seed}`, mask);
      const opened = (role: Role) =>
        openCommitments(role, run.sessionId, run.commitments(role), run.draws);
      const noise = replayNoise(run.manifest.privacy.mask, run.sessionId, {
        a: opened('a'),
        b: opened('b'),
      });
      expect(run.release.maskedSizes.map((size, j) => size - noise[j]!)).toEqual(run.truth.sizes);
    }
  });

  it('finds a changed or missing draw, the other party, and another session', () => {
    const run = recordedRun('tampered');
    const commitments = run.commitments('a');
    const open = (role: Role, session: Bytes<32>, draws: readonly Bytes<32>[]) => () =>
      openCommitments(role, session, commitments, draws);
    expect(open('a', run.sessionId, run.draws)).not.toThrow();
    const changed = run.draws.map((draw) => {
      const isCoins = toHex(commit('coins', run.sessionId, 'a', draw)) === commitments.coins;
      return isCoins
        ? fixed(
            draw.map((byte, i) => (i === 7 ? byte ^ 1 : byte)),
            32,
            'draw',
          )
        : draw;
    });
    expect(open('a', run.sessionId, changed)).toThrowCode('ERR_AUDIT_REPLAY');
    expect(open('a', run.sessionId, run.draws.slice(0, 1))).toThrowCode('ERR_AUDIT_REPLAY');
    expect(open('b', run.sessionId, run.draws)).toThrowCode('ERR_AUDIT_REPLAY');
    const other = fixed(new Uint8Array(32).fill(5), 32, 'session');
    expect(open('a', other, run.draws)).toThrowCode('ERR_AUDIT_REPLAY');
  });

  it('reads draws strictly', () => {
    expect(parseDraws(`${'ab'.repeat(32)}\n`, 'draws')).toHaveLength(1);
    for (const text of ['', '\n', 'ab', `${'AB'.repeat(32)}\n`, `${'ab'.repeat(33)}\n`]) {
      expect(() => parseDraws(text, 'draws')).toThrowCode('ERR_AUDIT_FORMAT');
    }
  });
});
