/**
 * Mutated certificate chains, each certificate signed again (rows 19 to 26, 35b, 41 of the list of negative tests):
 * each meets its own code.
 * @module
 */
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../attestation/certificate.ts';
import { rootFingerprint } from '../../attestation/root.ts';
import {
  generateSigningKey,
  issueCertificate,
  type CertificateSpec,
} from '../../attestation/simulated/certificate.ts';
import type { AttestationVerdict } from '../../attestation/verify.ts';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import type { AttestationCode } from '../../src/errors.ts';
import { INSTANCE_ID, MODULE_ID, NOW, Pki, PCRS, der, name, patch, pcr } from './support/pki.ts';

const pki = new Pki('negative-chain.test');
beforeAll(async () => {
  pki.chain = await pki.issue(pki.specs());
});

type Chain = readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
const ECDSA_SHA256 = '300a06082a8648ce3d040302';
const ECDSA_SHA384 = '300a06082a8648ce3d040303';

async function judge(chain: Chain, now = NOW): Promise<AttestationVerdict> {
  return pki.verify(pki.document({ chain: await chain }), { now });
}

/** The tbsCertificate rebuilt after `change` of its content; lengths are fixed up. */
const content =
  (change: (content: Uint8Array) => Uint8Array) =>
  (tbs: Uint8Array): Uint8Array =>
    der(0x30, change(tbs.subarray(4)));
const replaced = (from: string, to: string) => content((bytes) => patch(bytes, from, to));

/** One more CA below the regional one, with its own key. */
async function insertCa(
  index: number,
  change: Partial<CertificateSpec> = {},
): Promise<readonly Uint8Array[]> {
  const key = generateSigningKey(pki.rng);
  const spec = { ...pki.specs()[index]!, publicKey: key.publicKey, ...change };
  return [
    ...pki.chain.slice(0, index),
    await issueCertificate(spec, pki.key(index - 1)),
    ...pki.chain.slice(index),
  ];
}

/** An RSA SubjectPublicKeyInfo of 512 bits, in place of the P-384 one of 120 bytes. */
const RSA_SPKI = der(
  0x30,
  fromHex('300d06092a864886f70d0101010500'),
  der(3, Uint8Array.of(0), der(0x30, der(2, pcr(0x71)), fromHex('0203010001'))),
);
const P256_SPKI = der(
  0x30,
  fromHex('301306072a8648ce3d020106082a8648ce3d030107'),
  der(3, Uint8Array.of(0), p256.getPublicKey(sha256(pcr(1)), false)),
);

function withKey(index: number, spki: Uint8Array): readonly Uint8Array[] {
  const own = toHex(pki.key(index).publicKey);
  const old = `3076301006072a8648ce3d020106052b81040022036200${own}`;
  return pki.resign(index, replaced(old, toHex(spki)));
}

function offCurve(index: number): readonly Uint8Array[] {
  const own = pki.key(index).publicKey;
  const bad = Uint8Array.from(own);
  bad[96] = (bad[96] ?? 0) ^ 1;
  return pki.resign(index, replaced(toHex(own), toHex(bad)));
}

/** basicConstraints of the zonal CA without its critical flag; the three wrappers around it shrink by three. */
const unwrapExtension = content((bytes) => {
  const at = Buffer.from(bytes).indexOf(Buffer.from('a3263024', 'hex'));
  const list = bytes.subarray(at + 4);
  const without = patch(list, '30120603551d130101ff0408', '300f0603551d130408');
  return concat(bytes.subarray(0, at), der(0xa3, der(0x30, without)));
});

const ROWS: readonly (readonly [string, AttestationCode, () => Chain])[] = [
  [
    '19 another root of the same names',
    'ROOT_MISMATCH',
    async () => (await Pki.create('another')).chain,
  ],
  [
    '19 root not first',
    'ROOT_MISMATCH',
    () => [pki.chain[1]!, pki.chain[0]!, ...pki.chain.slice(2)],
  ],
  ['19 root missing', 'ROOT_MISMATCH', () => pki.chain.slice(1)],
  [
    '20 intermediates swapped',
    'CHAIN_ORDER',
    () => [pki.chain[0]!, pki.chain[2]!, pki.chain[1]!, pki.chain[3]!, pki.chain[4]!],
  ],
  [
    '20 an unrelated certificate at the end of the bundle',
    'CHAIN_ISSUER',
    async () => {
      const spec = { ...pki.specs()[3], issuer: name('nobody'), subject: name('unrelated') };
      const extra = await issueCertificate(spec, generateSigningKey(pki.rng));
      return [...pki.chain.slice(0, 4), extra, pki.chain[4]!];
    },
  ],
  ['20 the root again', 'CHAIN_ORDER', () => [pki.chain[0]!, ...pki.chain]],
  [
    '20 an intermediate again',
    'CHAIN_ORDER',
    () => [...pki.chain.slice(0, 2), ...pki.chain.slice(1)],
  ],
  [
    '20 a self-issued certificate below the root',
    'CHAIN_ORDER',
    () => insertCa(1, { subject: name('sim.nitro-enclaves'), basicConstraints: { ca: true } }),
  ],
  [
    '21 intermediate CA false',
    'CHAIN_NOT_CA',
    () => pki.withSpec(2, { basicConstraints: { ca: false } }),
  ],
  [
    '21 intermediate without keyCertSign',
    'CHAIN_KEY_USAGE',
    () => pki.withSpec(2, { keyUsage: { bits: 0x82, critical: true } }),
  ],
  [
    '21 intermediate keyUsage not critical',
    'CHAIN_KEY_USAGE',
    () => pki.withSpec(2, { keyUsage: { bits: 0x86, critical: false } }),
  ],
  [
    '21 pathLen 0 with a CA below',
    'CHAIN_PATHLEN',
    () => pki.withSpec(2, { basicConstraints: { ca: true, pathLength: 0 } }),
  ],
  ['21 leaf CA true', 'LEAF_IS_CA', () => pki.withSpec(4, { basicConstraints: { ca: true } })],
  [
    '21 leaf with keyCertSign',
    'CHAIN_KEY_USAGE',
    () => pki.withSpec(4, { keyUsage: { bits: 0xc4, critical: false } }),
  ],
  [
    '21 leaf without digitalSignature',
    'CHAIN_KEY_USAGE',
    () => pki.withSpec(4, { keyUsage: { bits: 0x40, critical: false } }),
  ],
  [
    '22 leaf as issuer of a second leaf',
    'CHAIN_NOT_CA',
    async () => {
      const specs = pki.specs();
      const second = { ...specs[4], issuer: specs[4].subject, subject: name('second') };
      return [...pki.chain, await issueCertificate(second, pki.key(4))];
    },
  ],
  ['23 RSA intermediate', 'CHAIN_ALG', () => withKey(2, RSA_SPKI)],
  ['23 P-256 intermediate', 'CHAIN_ALG', () => withKey(2, P256_SPKI)],
  [
    '23 inner algorithm differs from outer',
    'CHAIN_ALG',
    () => pki.resign(3, (tbs) => patch(tbs, ECDSA_SHA384, ECDSA_SHA256)),
  ],
  [
    '23 outer algorithm differs from inner',
    'CHAIN_ALG',
    () => pki.resign(3, (tbs) => tbs, fromHex(ECDSA_SHA256)),
  ],
  [
    '23 ECDSA with SHA-256',
    'CHAIN_ALG',
    () => pki.resign(3, (tbs) => patch(tbs, ECDSA_SHA384, ECDSA_SHA256), fromHex(ECDSA_SHA256)),
  ],
  [
    '23 ECDSA with NULL parameters',
    'CHAIN_ALG',
    () => {
      const withNull = '300c06082a8648ce3d0403030500';
      return pki.resign(3, replaced(ECDSA_SHA384, withNull), fromHex(withNull));
    },
  ],
  ['23 key off the curve', 'CHAIN_ALG', () => offCurve(2)],
  ['23 leaf key off the curve', 'CHAIN_ALG', () => offCurve(4)],
  [
    '24 bytes behind the certificate',
    'CERT_DER',
    () => pki.replace(3, concat(pki.chain[3]!, fromHex('00'))),
  ],
  [
    '24 BOOLEAN 01',
    'CERT_DER',
    () => pki.resign(2, (tbs) => patch(tbs, '0603551d130101ff', '0603551d13010101')),
  ],
  [
    '24 BOOLEAN 01 inside basicConstraints',
    'CERT_DER',
    () => pki.resign(2, (tbs) => patch(tbs, '30060101ff020101', '3006010101020101')),
  ],
  [
    '24 FALSE written out',
    'CERT_DER',
    () =>
      pki.resign(
        4,
        replaced(
          'a31d301b300c0603551d130101ff04023000300b0603551d0f0404030206c0',
          'a320301e300c0603551d130101ff04023000300e0603551d0f0101000404030206c0',
        ),
      ),
  ],
  [
    '24 key BIT STRING with unused bits',
    'CERT_DER',
    () => pki.resign(2, (tbs) => patch(tbs, '03620004', '03620104')),
  ],
  [
    '24 signature BIT STRING with unused bits',
    'CERT_DER',
    () => {
      const { signature } = parseCertificate(pki.chain[2]!);
      const head = `03${(signature.length + 1).toString(16)}00${toHex(signature.subarray(0, 2))}`;
      return pki.replace(2, patch(pki.chain[2]!, head, head.slice(0, 4) + '01' + head.slice(6)));
    },
  ],
  [
    '24 PEM text',
    'CERT_DER',
    () =>
      pki.replace(
        3,
        new TextEncoder().encode(
          `-----BEGIN CERTIFICATE-----\n${Buffer.from(pki.chain[3]!).toString('base64')}\n`,
        ),
      ),
  ],
  [
    '24 impossible date',
    'CERT_DER',
    () => {
      const start = new Date(Math.floor(NOW / 1000) * 1000 - 3_600_000);
      const text = start
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2);
      const bad = text.slice(0, 2) + '0230' + text.slice(6);
      return pki.resign(3, (tbs) =>
        patch(tbs, Buffer.from(text).toString('hex'), Buffer.from(bad).toString('hex')),
      );
    },
  ],
  [
    '24 length that is not minimal',
    'CERT_DER',
    () => pki.resign(3, replaced('a003020102', 'a08103020102')),
  ],
  [
    '24 version 1 wrapper not consumed',
    'CERT_DER',
    () => pki.resign(3, replaced('a003020102', 'a0050201020500')),
  ],
  [
    '24 version 2',
    'CERT_DER',
    () => pki.resign(3, (tbs) => patch(tbs, 'a003020102', 'a003020101')),
  ],
  [
    '24 key wrapper not consumed',
    'CERT_DER',
    () => {
      const own = toHex(pki.key(2).publicKey);
      const spki = `301006072a8648ce3d020106052b81040022036200${own}`;
      return pki.resign(2, replaced(`3076${spki}`, `3078${spki}0500`));
    },
  ],
  [
    '24 serial with a padding zero',
    'CERT_DER',
    () => pki.resign(3, replaced('021551', '02160051')),
  ],
  [
    '24 extension twice',
    'CERT_DER',
    () => pki.withSpec(2, { extra: [['2.5.29.15', true, fromHex('03020186')]] }),
  ],
  [
    '24 unique identifier',
    'CERT_DER',
    () =>
      pki.resign(
        2,
        replaced(toHex(pki.key(2).publicKey), `${toHex(pki.key(2).publicKey)}82020001`),
      ),
  ],
  [
    '24 signature with a padded number',
    'CERT_DER',
    () => {
      const { signature, tbs, outerAlgorithm } = parseCertificate(pki.chain[2]!);
      const [, length = 0, , rLength = 0] = signature;
      const padded = concat(
        Uint8Array.of(0x30, length + 1, 2, rLength + 1, 0),
        signature.subarray(4),
      );
      return pki.replace(2, der(0x30, tbs, outerAlgorithm, der(3, Uint8Array.of(0), padded)));
    },
  ],
  [
    '24b unknown critical extension',
    'CHAIN_CRITICAL_EXT',
    () => pki.withSpec(2, { extra: [['1.2.3.4', true, fromHex('0500')]] }),
  ],
  [
    '24b critical CRL distribution points',
    'CHAIN_CRITICAL_EXT',
    () => pki.withSpec(4, { extra: [['2.5.29.31', true, fromHex('3000')]] }),
  ],
  [
    'signed by another key',
    'CHAIN_SIGNATURE',
    async () => pki.replace(2, await issueCertificate(pki.specs()[2], generateSigningKey(pki.rng))),
  ],
  [
    'basicConstraints not critical in an intermediate',
    'CHAIN_NOT_CA',
    () => pki.resign(2, unwrapExtension),
  ],
  [
    '35b module of another instance in the leaf',
    'MODULE_ID_MISMATCH',
    () => pki.withSpec(4, { subject: name(`i-ffffffffffffffff0-enc0123456789abcdef.test-1.sim`) }),
  ],
  [
    '35b leaf of another region than its CA',
    'MODULE_ID_MISMATCH',
    () => pki.withSpec(4, { subject: name(`${MODULE_ID}.test-2.sim`) }),
  ],
  [
    '35b leaf of another partition',
    'MODULE_ID_MISMATCH',
    () => pki.withSpec(4, { subject: name(`${MODULE_ID}.test-1.aws`) }),
  ],
];

describe('a mutated chain meets its code', () => {
  it.each(ROWS)('%s: %s', async (_row, code, chain) => {
    const verdict = await judge(chain());
    expect(verdict.code).toBe(code);
  });

  it('35b another module_id, another PCR4', async () => {
    const other = { fields: { module_id: `${INSTANCE_ID.slice(0, -1)}1-enc0123456789abcdef` } };
    expect((await pki.verify(pki.document(other))).code).toBe('MODULE_ID_MISMATCH');
    for (const moduleId of ['i-0123456789abcdef0', MODULE_ID.toUpperCase(), `${MODULE_ID}0`]) {
      const verdict = await pki.verify(pki.document({ fields: { module_id: moduleId } }));
      expect(verdict.code).toBe('MODULE_ID_MISMATCH');
    }
    const fields = {
      pcrs: {
        fields: [
          [0, PCRS.pcr0],
          [1, PCRS.pcr1],
          [2, PCRS.pcr2],
          [4, pcr(5)],
        ] as const,
      },
    };
    expect((await pki.verify(pki.document({ fields }))).code).toBe('MODULE_ID_MISMATCH');
    const without = {
      pcrs: {
        fields: [
          [0, PCRS.pcr0],
          [1, PCRS.pcr1],
          [2, PCRS.pcr2],
        ] as const,
      },
    };
    expect((await pki.verify(pki.document({ fields: without }))).code).toBe('MODULE_ID_MISMATCH');
  });

  it('7 a document signed by the instance CA instead of the leaf', async () => {
    const document = pki.document({ leafKey: pki.key(3) });
    expect((await pki.verify(document)).code).toBe('COSE_SIGNATURE_INVALID');
  });

  it('42 a simulated chain under a production policy', async () => {
    const policy = pki.policy({
      mode: 'production',
      root: '641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b',
      partition: 'aws',
    });
    expect((await pki.verify(pki.document(), { policy })).code).toBe('ROOT_MISMATCH');
  });
});

describe('25, 26 validity', () => {
  const second = 1000;
  const end = Math.floor(NOW / 1000) * 1000 - 3_600_000 + 3 * 3_600_000 + 3 * second;
  const start = Math.floor(NOW / 1000) * 1000 - 3_600_000;
  const at = async (now: number, chain: Chain = pki.chain): Promise<string | null> => {
    const document = pki.document({ chain: await chain, fields: { timestamp: BigInt(now) } });
    return (await pki.verify(document, { now })).code;
  };

  it('notAfter is inclusive to the second', async () => {
    expect(await at(end + 999)).toBeNull();
    expect(await at(end + second)).toBe('CERT_EXPIRED');
  });

  it('the skew counts on the early side only', async () => {
    expect(await at(start - 2 * second)).toBeNull();
    expect(await at(start - 60 * second)).toBeNull();
    expect(await at(start - 60 * second - 1)).toBe('CERT_NOT_YET_VALID');
    expect(await at(start - 120 * second)).toBe('CERT_NOT_YET_VALID');
  });

  it('a zonal CA that ended while the leaf lives, also after a good run with the same verifier', async () => {
    expect(await at(NOW)).toBeNull();
    expect(await at(NOW, pki.withSpec(2, { notAfter: NOW - 10 * second }))).toBe('CERT_EXPIRED');
  });

  it('an expired root', async () => {
    const chain = await pki.withSpec(0, { notAfter: NOW - 10 * second });
    const policy = pki.policy({ root: rootFingerprint(chain[0]!) });
    expect((await pki.verify(pki.document({ chain }), { policy })).code).toBe('CERT_EXPIRED');
  });
});

describe('41 genuine shapes are accepted', () => {
  const SHAPES: readonly (readonly [string, () => Chain])[] = [
    ['critical leaf keyUsage', () => pki.withSpec(4, { keyUsage: { bits: 0x80, critical: true } })],
    [
      'serial of 21 octets',
      () => pki.withSpec(3, { serial: concat(fromHex('00'), pcr(0xee).subarray(0, 20)) }),
    ],
    ['serial of 32 octets', () => pki.withSpec(3, { serial: pcr(0x1e).subarray(0, 32) })],
    [
      'instance CA with SKI and AKI',
      () => pki.withSpec(3, { subjectKeyId: true, authorityKey: pki.key(2).publicKey }),
    ],
    ['CRL distribution points', () => pki.withSpec(2, { crlUrl: 'http://crl.invalid/2' })],
    [
      'unknown extension that is not critical',
      () => pki.withSpec(3, { extra: [['1.2.3.4', false, fromHex('0500')]] }),
    ],
    ['no pathLen', () => pki.withSpec(1, { basicConstraints: { ca: true } })],
  ];

  it.each(SHAPES)('%s', async (_row, chain) => {
    const verdict = await judge(chain());
    expect(verdict.checks.filter((check) => check.result === 'fail')).toEqual([]);
  });

  it('serial of 33 octets is not', async () => {
    const chain = pki.withSpec(3, { serial: pcr(0x1e).subarray(0, 33) });
    expect((await judge(chain)).code).toBe('CERT_DER');
  });
});
