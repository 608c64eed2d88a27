/**
 * Authentic documents that must not be accepted here and now (rows 17, 27 to 31, 42), the replay memory, and what a
 * verdict lists.
 * @module
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { ReplayMemory } from '../../attestation/appraise.ts';
import { CHECK_IDS } from '../../attestation/checks.ts';
import { nobleP384 } from '../../attestation/p384.ts';
import type { AppraisalPolicy } from '../../attestation/policy.ts';
import { encodeUserData } from '../../attestation/user-data.ts';
import { ownDocumentTime, refusalOf, verifyAttestation } from '../../attestation/verify.ts';
import { fixed } from '../../src/bytes.ts';
import type { AttestationCode } from '../../src/errors.ts';
import { instancePcr } from '../../attestation/chain.ts';
import { INSTANCE_ID, NOW, Pki, PCRS, pcr, timestamp, type DocumentParts } from './support/pki.ts';
import { toHex } from '../../src/encoding.ts';

const pki = new Pki('negative-appraisal.test');
beforeAll(async () => {
  pki.chain = await pki.issue(pki.specs());
});

const other32 = fixed(pcr(0x77).subarray(0, 32), 32, 'other');
const other48 = fixed(pcr(0x77), 48, 'other');
const withPcrs = (change: Readonly<Record<number, Uint8Array>>): DocumentParts => {
  const pcrs = {
    0: PCRS.pcr0,
    1: PCRS.pcr1,
    2: PCRS.pcr2,
    3: pcr(0),
    4: instancePcr(INSTANCE_ID),
    8: pcr(0),
  };
  const fields = Object.entries({ ...pcrs, ...change }).map(([k, v]) => [Number(k), v] as const);
  return { fields: { pcrs: { fields } } };
};
const stamped = (offsetMs: number): DocumentParts => ({
  entries: (entries) =>
    entries.map(([key, value]) => [
      key,
      key === 'timestamp' ? timestamp(BigInt(NOW + offsetMs)) : value,
    ]),
});
const bound = (change: Partial<Pki['binding']>): DocumentParts => ({
  fields: { user_data: encodeUserData({ ...pki.binding, ...change }) },
});
const key = (bytes: Uint8Array): DocumentParts => ({ fields: { public_key: bytes } });

const ROWS: readonly (readonly [string, AttestationCode, () => DocumentParts])[] = [
  ['17 debug', 'DEBUG_MODE', () => withPcrs({ 0: pcr(0), 1: pcr(0), 2: pcr(0) })],
  ['17 only PCR0 zero', 'DEBUG_MODE', () => withPcrs({ 0: pcr(0) })],
  ['17 only PCR2 zero', 'DEBUG_MODE', () => withPcrs({ 2: pcr(0) })],
  ['another PCR0', 'PCR_MISMATCH', () => withPcrs({ 0: pcr(1) })],
  ['another PCR1', 'PCR_MISMATCH', () => withPcrs({ 1: pcr(1) })],
  ['another PCR2', 'PCR_MISMATCH', () => withPcrs({ 2: pcr(1) })],
  ['27 ten minutes ahead', 'TIMESTAMP_FUTURE', () => stamped(600_000)],
  ['27 just beyond the skew', 'TIMESTAMP_FUTURE', () => stamped(60_001)],
  ['27 two hours old', 'TIMESTAMP_STALE', () => stamped(-7_200_000)],
  ['27 just too old', 'TIMESTAMP_STALE', () => stamped(-300_001)],
  ['28 nonce absent', 'NONCE_MISSING', () => ({ fields: { nonce: undefined } })],
  ['28 nonce null', 'NONCE_MISSING', () => ({ fields: { nonce: null } })],
  ['28 nonce empty', 'NONCE_MISMATCH', () => ({ fields: { nonce: new Uint8Array() } })],
  ['28 another nonce', 'NONCE_MISMATCH', () => ({ fields: { nonce: other32 } })],
  ['28 a longer nonce', 'NONCE_MISMATCH', () => ({ fields: { nonce: pcr(3) } })],
  ['29 another key', 'KEY_BINDING', () => key(other32)],
  ['29 no key', 'KEY_BINDING', () => ({ fields: { public_key: null } })],
  ['29 our own key', 'REFLECTION', () => key(pki.ownPublicKey)],
  ['30 the other role', 'BINDING_ROLE', () => bound({ role: 'resp' })],
  ['30 another session', 'BINDING_SESSION', () => bound({ sessionId: other32 })],
  [
    '30, 31 another transcript (relayed)',
    'BINDING_TRANSCRIPT',
    () => bound({ transcript: other48 }),
  ],
  ['30 another identity', 'BINDING_IDENTITY', () => bound({ identityKeyHash: other32 })],
  ['30 another manifest', 'BINDING_MANIFEST', () => bound({ manifestHash: other32 })],
  ['user_data absent', 'BINDING_FORMAT', () => ({ fields: { user_data: null } })],
  ['user_data of another form', 'BINDING_FORMAT', () => ({ fields: { user_data: pcr(9) } })],
  [
    'user_data with trailing bytes',
    'BINDING_FORMAT',
    () => ({ fields: { user_data: Uint8Array.of(...encodeUserData(pki.binding), 0) } }),
  ],
  [
    'user_data in another encoding of the same values',
    'BINDING_FORMAT',
    () => ({
      fields: { user_data: Uint8Array.of(0x9f, ...encodeUserData(pki.binding).subarray(1), 0xff) },
    }),
  ],
];

describe('an authentic document is refused', () => {
  it.each(ROWS)('%s: %s', async (_row, code, parts) => {
    const verdict = await pki.verify(pki.document(parts()));
    expect(verdict.code).toBe(code);
    expect(verdict.claims).toBeNull();
    expect(verdict.accepted).toBe(false);
  });

  it('28 two different nonces that are invalid UTF-8', async () => {
    const nonce = pcr(0xff).subarray(0, 32);
    const sent = Uint8Array.from(nonce);
    sent[0] = 0xfe;
    const document = pki.document({ fields: { nonce: sent } });
    expect((await pki.verify(document, { options: pki.options({ nonce }) })).code).toBe(
      'NONCE_MISMATCH',
    );
    expect((await pki.verify(document, { options: pki.options({ nonce: sent }) })).code).toBeNull();
  });

  it('31 replayed into a new connection, and from another account', async () => {
    const document = pki.document();
    const fresh = pki.options({ nonce: other32 });
    expect((await pki.verify(document, { options: fresh })).code).toBe('NONCE_MISMATCH');
    const policy = pki.policy({ waive: ['pcr8'], change: { pcr3: [toHex(pcr(0x33))] } });
    expect((await pki.verify(document, { policy })).code).toBe('PCR3_MISMATCH');
    const ours = pki.document(withPcrs({ 3: pcr(0x33) }));
    expect((await pki.verify(ours, { policy })).code).toBeNull();
  });

  it('stamped before the handshake began', async () => {
    const options = pki.options({ earliest: NOW + 1 });
    expect((await pki.verify(pki.document(), { options })).code).toBe('TIMESTAMP_STALE');
  });

  it('when its measurement is not valid now, and with the named PCR when it is', async () => {
    const [measurement] = (JSON.parse(policyFile()) as { measurements: [Record<string, string>] })
      .measurements;
    const ended = { ...measurement, notAfter: '2026-01-01T00:00:00Z' };
    const policy = pki.policy({ change: { measurements: [ended] } });
    expect((await pki.verify(pki.document(), { policy })).code).toBe('PCR_MISMATCH');
    const both = pki.policy({ change: { measurements: [ended, measurement] } });
    expect((await pki.verify(pki.document(), { policy: both })).code).toBeNull();
    const verdict = await pki.verify(pki.document(withPcrs({ 0: pcr(1), 2: pcr(2) })));
    if (verdict.accepted) throw new Error('accepted');
    expect(refusalOf(verdict).message).toContain('PCR0, PCR2');
    expect(refusalOf(verdict)).toMatchObject({ code: 'PCR_MISMATCH' });
  });

  it('PCR8, when the policy names it', async () => {
    const [measurement] = (JSON.parse(policyFile()) as { measurements: [Record<string, string>] })
      .measurements;
    const change = { measurements: [{ ...measurement, pcr8: toHex(pcr(8)) }] };
    const policy = pki.policy({ waive: ['pcr3'], change });
    const verdict = await pki.verify(pki.document(), { policy });
    expect(verdict.code).toBe('PCR_MISMATCH');
    expect(verdict.checks.find((check) => check.id === '9c')).toMatchObject({ result: 'fail' });
    expect(verdict.checks.find((check) => check.id === '9b')).toMatchObject({ result: 'pass' });
    expect((await pki.verify(pki.document(withPcrs({ 8: pcr(8) })), { policy })).code).toBeNull();
  });

  it('when the caller forgets to say what it expects', async () => {
    const { verifyP384 } = pki.options();
    const document = pki.document();
    expect(
      (await verifyAttestation(document, pki.policy(), NOW, { verifyP384: verifyP384! })).code,
    ).toBe('NONCE_MISSING');
    const { nonce, publicKey } = pki;
    const some = await pki.verify(document, {
      options: { verifyP384: verifyP384!, expected: { nonce } },
    });
    expect(some.code).toBe('KEY_BINDING');
    const more = await pki.verify(document, {
      options: { verifyP384: verifyP384!, expected: { nonce, publicKey } },
    });
    expect(more.code).toBe('BINDING_FORMAT');
  });
});

function policyFile(): string {
  return JSON.stringify({
    measurements: [
      {
        notBefore: '2020-01-01T00:00:00Z',
        notAfter: '2040-01-01T00:00:00Z',
        pcr0: toHex(PCRS.pcr0),
        pcr1: toHex(PCRS.pcr1),
        pcr2: toHex(PCRS.pcr2),
      },
    ],
  });
}

describe('2 replay', () => {
  it('is known by the payload, whatever the signature looks like', async () => {
    const seen = new ReplayMemory(600_000);
    const document = pki.document();
    const options = { ...pki.options(), seen };
    const order =
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
    const s = BigInt(`0x${toHex(document.subarray(-48))}`);
    const twin = Uint8Array.from(document);
    twin.set(Buffer.from((order - s).toString(16).padStart(96, '0'), 'hex'), document.length - 48);
    expect((await pki.verify(twin)).code).toBeNull();
    expect((await pki.verify(document, { options })).code).toBeNull();
    expect((await pki.verify(twin, { options })).code).toBe('REPLAYED');
    expect((await pki.verify(document, { options })).code).toBe('REPLAYED');
  });

  it('memory is not touched by a document that is refused, and forgets after its time', async () => {
    const seen = new ReplayMemory(600_000);
    const document = pki.document();
    const forged = Uint8Array.from(document);
    forged[document.length - 1] = (forged[document.length - 1] ?? 0) ^ 1;
    const options = { ...pki.options(), seen };
    expect((await pki.verify(forged, { options })).code).toBe('COSE_SIGNATURE_INVALID');
    expect((await pki.verify(document, { options })).code).toBeNull();
    expect(seen.seen(pcr(1), NOW + 700_000)).toBe(false);
    expect(seen.seen(pcr(1), NOW + 700_001)).toBe(true);
    const hash = (await pki.verify(document)).payloadSha256!;
    expect(seen.seen(hash, NOW + 700_002)).toBe(false);
  });
});

describe('the verdict', () => {
  it('lists every check, with its code, reason, or why it did not run', async () => {
    const good = await pki.verify(pki.document());
    expect(good.checks.map((check) => check.id)).toEqual(CHECK_IDS);
    expect(
      good.checks.filter((check) => check.result !== 'pass').map(({ id, result }) => [id, result]),
    ).toEqual([
      ['9c', 'waived'],
      ['9d', 'waived'],
      ['9i', 'not-run'],
    ]);
    const bad = await pki.verify(pki.document({ ...withPcrs({ 0: pcr(0) }), leafKey: pki.key(3) }));
    expect(bad.code).toBe('COSE_SIGNATURE_INVALID');
    const failed = bad.checks.flatMap((check) => (check.result === 'fail' ? [check.code] : []));
    expect(failed).toEqual(['COSE_SIGNATURE_INVALID', 'DEBUG_MODE', 'PCR_MISMATCH']);
    const early = await pki.verify(Uint8Array.of(1));
    expect(early.checks.filter((check) => check.result === 'not-run')).toHaveLength(
      CHECK_IDS.length - 2,
    );
  });

  it('is the same with the oracle', async () => {
    const options = { ...pki.options(), verifyP384: nobleP384 };
    expect((await pki.verify(pki.document(), { options })).code).toBeNull();
    expect((await pki.verify(pki.document({ leafKey: pki.key(3) }), { options })).code).toBe(
      'COSE_SIGNATURE_INVALID',
    );
  });

  it('takes a verification that rejects for a failed one', async () => {
    const options = { ...pki.options(), verifyP384: () => Promise.reject(new Error('no')) };
    expect((await pki.verify(pki.document(), { options })).code).toBe('CHAIN_SIGNATURE');
  });

  it("can use the document's own time, and says so", async () => {
    const document = pki.document();
    const verdict = await verifyAttestation(document, pki.policy(), 'document', pki.options());
    expect(verdict).toMatchObject({ code: null, at: NOW, clock: 'document' });
    expect(ownDocumentTime(document)).toBe(NOW);
    const broken = await verifyAttestation(Uint8Array.of(0xff), pki.policy(), 'document');
    expect(broken).toMatchObject({ code: 'CBOR_RESERVED', at: null });
  });

  it('does not exist for a policy that was not loaded or a clock that is none', async () => {
    const document = pki.document();
    const copy = { ...pki.policy() };
    await expect(pki.verify(document, { policy: copy })).rejects.toThrowCode('POLICY_EMPTY');
    await expect(pki.verify(document, { policy: {} as AppraisalPolicy })).rejects.toThrowCode(
      'POLICY_EMPTY',
    );
    for (const now of [Number.NaN, Infinity, 0, -1, 1.5]) {
      await expect(pki.verify(document, { now })).rejects.toThrowCode('ERR_USAGE');
    }
  });
});

describe('a waiver', () => {
  it('does not hide what the caller expects all the same', async () => {
    const policy = pki.policy({ mode: 'audit' });
    const wrong = { nonce: new Uint8Array(32).fill(7) };
    const verdict = await pki.verify(pki.document(), { policy, options: pki.options(wrong) });
    expect(verdict.code).toBe('NONCE_MISMATCH');
  });
});
