/** The attestation result as a JWS (row 39): what it says of which verdict, and what verification refuses. @module */
import { createHmac } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p384 } from '@noble/curves/nist.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { earStatus, trustVector } from '../../attestation/ear-claims.ts';
import {
  createEar,
  rederiveEar,
  verifyEar,
  type EarContext,
  type EarSigningKey,
} from '../../attestation/ear.ts';
import type { AttestationVerdict } from '../../attestation/verify.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { NOW, Pki, pcr } from './support/pki.ts';

const pki = new Pki('ear.test');
let good: AttestationVerdict;
let refused: AttestationVerdict;
beforeAll(async () => {
  pki.chain = await pki.issue(pki.specs());
  good = await pki.verify(pki.document());
  refused = await pki.verify(pki.document({ leafKey: pki.key(3) }));
});

const secret = pcr(7).subarray(0, 32);
const eddsa: EarSigningKey = {
  alg: 'EdDSA',
  kid: 'k1',
  publicKey: ed25519.getPublicKey(secret),
  secretKey: secret,
};
const es384: EarSigningKey = {
  alg: 'ES384',
  kid: 'k2',
  publicKey: p384.getPublicKey(pcr(7), false),
  secretKey: pcr(7),
};
const nonce = pcr(1).subarray(0, 32);
const context: EarContext = {
  issuer: 'party-a',
  audience: 'auditor',
  sessionId: 'session-1',
  nonce,
  verifier: { developer: 'urn:example:dpca', build: '0.1.0+test' },
  issuedAt: NOW,
  lifetimeSeconds: 3600,
  transcript: pki.binding.transcript,
};
const expected = { issuer: 'party-a', audience: 'auditor', nonce, now: NOW };

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const part = (token: string, i: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[i] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;

/** A token signed by the right key over any header and payload text. */
function forge(header: unknown, payload: string): string {
  const signed = `${b64(header)}.${Buffer.from(payload).toString('base64url')}`;
  const signature = ed25519.sign(Buffer.from(signed), secret);
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}
const HEADER = { alg: 'EdDSA', typ: 'eat+jwt', kid: 'k1' };

describe('a result', () => {
  it.each([eddsa, es384])('survives the round trip with $alg', async (key) => {
    const token = await createEar(good, context, key);
    const result = await verifyEar(token, key, expected);
    // Authentic and acceptable, but under a simulated root: hardware 97, so never affirming.
    expect(result.status).toBe('contraindicated');
    expect(result.claims).toMatchObject({
      eat_profile: 'tag:ietf.org,2026:rats/ear#04',
      iss: 'party-a',
      iat: Math.floor(NOW / 1000),
      submods: { 'peer-nitro': { ear_trustworthiness_vector: { hardware: 97, executables: 2 } } },
    });
    expect(() => {
      rederiveEar(result, good);
    }).not.toThrow();
  });

  it('of a refusal is never warning or affirming', async () => {
    expect(earStatus(refused)).toBe('contraindicated');
    expect(trustVector(refused)).toMatchObject({ executables: 99, hardware: 99 });
    const stale = await pki.verify(pki.document(), { now: NOW + 600_000 });
    expect(['none', 'contraindicated']).toContain(earStatus(stale));
    const otherCode = await pki.verify(
      pki.document({
        fields: {
          pcrs: {
            fields: [
              [0, pcr(1)],
              [1, pcr(1)],
              [2, pcr(1)],
            ],
          },
        },
      }),
    );
    expect(['none', 'contraindicated']).toContain(earStatus(otherCode));
  });
});

describe('39 verification refuses', () => {
  const judge = async (token: string, change: Partial<typeof expected> = {}): Promise<unknown> =>
    verifyEar(token, eddsa, { ...expected, ...change }).then(
      () => 'accepted',
      (error: unknown) => error,
    );
  const make = (): Promise<string> => createEar(good, context, eddsa);

  it('alg none and HS256 with the public key as secret, and the other pinned algorithm', async () => {
    const token = await make();
    const payload = token.split('.')[1] ?? '';
    const none = `${b64({ ...HEADER, alg: 'none' })}.${payload}.`;
    expect(await judge(none)).toThrowCode('JWS_ALG');
    const signed = `${b64({ ...HEADER, alg: 'HS256' })}.${payload}`;
    const mac = createHmac('sha256', eddsa.publicKey).update(signed).digest('base64url');
    expect(await judge(`${signed}.${mac}`)).toThrowCode('JWS_ALG');
    expect(await judge(await createEar(good, context, es384))).toThrowCode('JWS_ALG');
  });

  it('an edited verdict, another key, a cut signature', async () => {
    const token = await make();
    const [header = '', , signature = ''] = token.split('.');
    const edited = { ...part(token, 1), ear_status: 'affirming' };
    expect(await judge(`${header}.${b64(edited)}.${signature}`)).toThrowCode('JWS_SIGNATURE');
    const other = {
      ...eddsa,
      secretKey: pcr(8).subarray(0, 32),
      publicKey: ed25519.getPublicKey(pcr(8).subarray(0, 32)),
    };
    expect(await judge(await createEar(good, context, other))).toThrowCode('JWS_SIGNATURE');
    expect(await judge(token.slice(0, -4))).toThrowCode('JWS_SIGNATURE');
  });

  it.each([
    ['another audience', { audience: 'someone' }],
    ['another issuer', { issuer: 'someone' }],
    ['another nonce', { nonce: pcr(2).subarray(0, 32) }],
    ['after its end', { now: NOW + 3_600_000 + 61_000 }],
    ['before it was made', { now: NOW - 120_000 }],
  ])('%s', async (_name, change) => {
    expect(await judge(await make(), change)).toThrowCode('JWS_CLAIM');
  });

  it.each<[string, (claims: Record<string, unknown>) => string, unknown, ErrorCode]>([
    ['another type', (claims) => JSON.stringify(claims), { ...HEADER, typ: 'JWT' }, 'JWS_CLAIM'],
    ['another kid', (claims) => JSON.stringify(claims), { ...HEADER, kid: 'k9' }, 'JWS_CLAIM'],
    [
      'a further header',
      (claims) => JSON.stringify(claims),
      { ...HEADER, jku: 'https://x' },
      'JWS_CLAIM',
    ],
    [
      'critical header',
      (claims) => JSON.stringify(claims),
      { ...HEADER, crit: ['b64'], b64: false },
      'JWS_CLAIM',
    ],
    ['no exp', (claims) => JSON.stringify({ ...claims, exp: undefined }), HEADER, 'JWS_CLAIM'],
    ['no iat', (claims) => JSON.stringify({ ...claims, iat: undefined }), HEADER, 'JWS_CLAIM'],
    [
      'a float exp',
      (claims) => JSON.stringify({ ...claims, exp: NOW / 1000 + 0.5 }),
      HEADER,
      'JWS_CLAIM',
    ],
    [
      'a list of audiences',
      (claims) => JSON.stringify({ ...claims, aud: ['auditor', 'x'] }),
      HEADER,
      'JWS_CLAIM',
    ],
    ['no submods', (claims) => JSON.stringify({ ...claims, submods: {} }), HEADER, 'JWS_CLAIM'],
    [
      'another profile',
      (claims) => JSON.stringify({ ...claims, eat_profile: 'x' }),
      HEADER,
      'JWS_CLAIM',
    ],
    [
      'a better status on top',
      (claims) => JSON.stringify({ ...claims, ear_status: 'affirming' }),
      HEADER,
      'JWS_CLAIM',
    ],
    [
      'a claim twice',
      (claims) => JSON.stringify(claims).replace('{', '{"ear_status":"affirming",'),
      HEADER,
      'JWS_CLAIM',
    ],
  ])('%s, although well signed', async (_name, payload, header, code) => {
    const claims = part(await make(), 1);
    expect(await judge(forge(HEADER, JSON.stringify(claims)))).toBe('accepted');
    expect(await judge(forge(header, payload(claims)))).toThrowCode(code);
  });

  it('text that is no token', async () => {
    for (const text of ['', 'a.b', 'a.b.c.d', 'ä.b.c', 'a'.repeat(70_000)]) {
      expect(await judge(text)).toThrowCode('JWS_CLAIM');
    }
  });
});

describe('39 deriving the verdict again', () => {
  it('notices another document, policy, clock or transcript', async () => {
    const result = await verifyEar(await createEar(good, context, eddsa), eddsa, expected);
    const others = [
      await pki.verify(pki.document({ form: 'definite' })),
      await pki.verify(pki.document(), { policy: pki.policy({ change: { maxAgeSeconds: 299 } }) }),
      await pki.verify(pki.document(), { now: NOW + 1 }),
      refused,
    ];
    for (const other of others) {
      expect(() => {
        rederiveEar(result, other);
      }).toThrowCode('EAR_REDERIVE');
    }
    const again = await pki.verify(pki.document(), {
      options: { ...pki.options({}), seen: { seen: () => false } },
    });
    expect(() => {
      rederiveEar(result, again);
    }).not.toThrow();
  });
});
