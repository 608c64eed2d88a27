/**
 * Genuine documents of AWS Nitro enclaves, from ../shared beside the repository; skipped, and saying so, where that
 * folder does not exist. The project's own tests do not depend on them: the same checks run on a synthetic PKI.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nobleP384 } from '../../attestation/p384.ts';
import { parsePolicy } from '../../attestation/policy.ts';
import { AWS_NITRO_ROOT_FINGERPRINT } from '../../attestation/root.ts';
import { showAttestation } from '../../attestation/show.ts';
import { verifyAttestation } from '../../attestation/verify.ts';
import { verifyP384 } from '../../enclave/p384-webcrypto.ts';
import { policyText } from './support/world.ts';

interface Fixture {
  readonly file: string;
  readonly verify_at: string | null;
  readonly expected: string;
  readonly mode: 'production' | 'debug' | null;
  readonly module_id: string | null;
}
const folder = fileURLToPath(new URL('../../../shared/fixtures/nitro/', import.meta.url));
const hasFixtures = existsSync(`${folder}manifest.json`);
const documents = hasFixtures
  ? (JSON.parse(readFileSync(`${folder}manifest.json`, 'utf8')) as { documents: Fixture[] })
      .documents
  : [];
const load = ({ file }: Fixture): Uint8Array => new Uint8Array(readFileSync(folder + file));
const clock = ({ verify_at }: Fixture): number =>
  verify_at === null ? 1_700_000_000_000 : Date.parse(verify_at);
const anchor = { root: AWS_NITRO_ROOT_FINGERPRINT, partition: 'aws', mode: 'audit' } as const;
const binding = ['pcr8', 'pcr3', 'nonce', 'publicKey', 'userData'] as const;
const lenient = parsePolicy(
  policyText({ ...anchor, waive: [...binding, 'measurements', 'debug'] }),
);
const strict = parsePolicy(policyText({ ...anchor, waive: [...binding, 'measurements'] }));

if (!hasFixtures)
  console.warn('no ../shared/fixtures/nitro: genuine documents are not tested here');

describe.skipIf(!hasFixtures)('genuine documents', () => {
  it('are all there', () => {
    expect(documents.filter(({ expected }) => expected === 'valid')).toHaveLength(40);
    expect(documents.filter(({ expected }) => expected !== 'valid')).toHaveLength(5);
  });

  it.each(documents)('$file: $expected', async (fixture) => {
    const verdict = await verifyAttestation(load(fixture), lenient, clock(fixture), { verifyP384 });
    expect(verdict.code ?? 'valid').toBe(fixture.expected);
    if (verdict.accepted) expect(verdict.claims.moduleId).toBe(fixture.module_id);
  });

  it('17 of debug mode are refused unless that is waived, those of production are not', async () => {
    for (const fixture of documents.filter(({ expected }) => expected === 'valid')) {
      const verdict = await verifyAttestation(load(fixture), strict, clock(fixture), {
        verifyP384,
      });
      expect(verdict.code).toBe(fixture.mode === 'debug' ? 'DEBUG_MODE' : null);
    }
  });

  it('expire: all of them are refused today', async () => {
    for (const fixture of documents.filter(({ expected }) => expected === 'valid')) {
      const verdict = await verifyAttestation(load(fixture), lenient, Date.UTC(2027, 0, 1), {
        verifyP384,
      });
      expect(verdict.code).toBe('CERT_EXPIRED');
    }
  });

  it('agree with the oracle', async () => {
    const fixture = documents.find(({ expected }) => expected === 'valid');
    if (fixture === undefined) throw new Error('no document');
    const verdict = await verifyAttestation(load(fixture), lenient, clock(fixture), {
      verifyP384: nobleP384,
    });
    expect(verdict.code).toBeNull();
  });

  it('1 with one bit of a PCR, the nonce or user_data flipped are refused', async () => {
    const fixture = documents.find(({ file }) => file.includes('72ffd835'));
    if (fixture === undefined) throw new Error('no document');
    const original = load(fixture);
    const text = Buffer.from(original);
    const after = (marker: string, skip: number): number =>
      text.indexOf(marker) + marker.length + skip;
    const flips: readonly (readonly [number, string])[] = [
      [after('nonce', 10), 'COSE_SIGNATURE_INVALID'],
      [after('user_data', 10), 'COSE_SIGNATURE_INVALID'],
      [after('public_key', 10), 'COSE_SIGNATURE_INVALID'],
      // the head of the map, then entries of an index, a head of two bytes and 48 bytes
      [after('pcrs', 1 + 3 * 51 + 3 + 5), 'COSE_SIGNATURE_INVALID'],
      [after('pcrs', 1 + 4 * 51 + 3 + 5), 'MODULE_ID_MISMATCH'],
    ];
    for (const [at, code] of flips) {
      const document = Uint8Array.from(original);
      document[at] = (document[at] ?? 0) ^ 1;
      const verdict = await verifyAttestation(document, lenient, clock(fixture), { verifyP384 });
      expect(verdict.code).toBe(code);
    }
  });

  it('are shown as unverified, every field', () => {
    for (const fixture of documents.filter(({ expected }) => expected === 'valid')) {
      const fields = showAttestation(load(fixture));
      expect(new Set(fields.map(({ status }) => status))).toEqual(new Set(['UNVERIFIED']));
      expect(fields.find(({ name }) => name === 'module_id')?.value).toBe(
        JSON.stringify(fixture.module_id),
      );
    }
  });
});
