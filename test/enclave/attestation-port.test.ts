/** The enclave's port to its security module and verifier: which documents of a peer are too old for this session. */
import { describe, expect, it } from 'vitest';
import { rootFingerprint } from '../../attestation/root.ts';
import { createSimulatedRoot } from '../../attestation/simulated/chain.ts';
import { AttestationPort } from '../../enclave/attestation-port.ts';
import { Nsm } from '../../enclave/nsm/nsm.ts';
import { SimulatedNsm } from '../../enclave/nsm/simulated-nsm.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import type { ExpectedEvidence, UserData } from '../../src/session/handshake-types.ts';
import { simulatedPolicy } from '../support/policies.ts';
import { realRng } from '../support/test-rng.ts';

const START = Date.UTC(2026, 5, 1, 12);
const pcr = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);

/** The peer attests, `olderMs` pass, then the own handshake starts and the peer's document is appraised. */
async function appraiseAfter(olderMs: number): Promise<unknown> {
  let now = START;
  const root = await createSimulatedRoot({ rng: realRng, now: START });
  const nsm = new Nsm(
    new SimulatedNsm({
      root,
      pcrs: { pcr0: pcr(1), pcr1: pcr(2), pcr2: pcr(3) },
      rng: realRng,
      now: () => now,
    }),
  );
  const policy = simulatedPolicy(rootFingerprint(root.certificate), 1);
  const port = (): AttestationPort => new AttestationPort(nsm, policy, () => undefined);
  const bytes = (): Bytes<32> => fixed(realRng(32), 32, 'bytes');
  const publicKey = bytes();
  const nonce = bytes();
  const fields: UserData = {
    ...{
      role: 'init',
      sessionId: bytes(),
      transcript: fixed(realRng(48), 48, 'bytes'),
      identityHash: bytes(),
    },
    ...{ manifestHash: bytes(), enclaveKeyHash: bytes() },
  };
  const { document } = await port().attest(publicKey, nonce, fields);
  now += olderMs;
  const own = port();
  await own.attest(bytes(), nonce, { ...fields, role: 'resp' });
  const expected: ExpectedEvidence = { ...fields, publicKey, ownPublicKey: bytes(), nonce };
  return own.appraise(document, expected);
}

describe('a document of the peer', () => {
  it('may be older than the own handshake by the skew of clocks', async () => {
    await expect(appraiseAfter(59_000)).resolves.toBeDefined();
  });

  it('is refused when it is from before the handshake, although the policy takes five minutes', async () => {
    await expect(appraiseAfter(62_000)).rejects.toThrowCode('TIMESTAMP_STALE');
  });
});
