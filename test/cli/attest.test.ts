/**
 * `dpca keys sim-root`, `dpca policy`, `dpca attest`: a simulated document is shown, verified and refused, in each
 * of its written forms. The genuine documents' own tests are in test/attestation.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instancePcr } from '../../attestation/chain.ts';
import { issueSimulatedChain, parseSimulatedRoot } from '../../attestation/simulated/chain.ts';
import { encodePayload, signDocument } from '../../attestation/simulated/document.ts';
import { folder, type Folder } from './dpca.ts';

const NONCE = new Uint8Array(32).fill(0xa5);
const KEY = new Uint8Array(32).fill(0x11);
const PCR = new Uint8Array(48).fill(0x42);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

let here: Folder;
let document: Uint8Array;
let fingerprint: string;
/** The written policy with `userData` waived: no command line can know a session's binding. */
const verify = ['attest', 'verify', 'doc', '--policy', 'offline.json', '--public-key', hex(KEY)];

/** A document as a simulated enclave makes it, under the root in `file`. */
async function makeDocument(file: string, now: number): Promise<Uint8Array> {
  const rng = (n: number): Uint8Array => new Uint8Array(randomBytes(n));
  const moduleId = 'i-0123456789abcdef0-enc0123456789abcdef';
  const root = parseSimulatedRoot(readFileSync(file, 'utf8'));
  const chain = await issueSimulatedChain({ root, moduleId, region: 'eu-central-1', rng, now });
  const pcrs = new Map<number, Uint8Array>(
    Array.from({ length: 16 }, (_, i) => [i, new Uint8Array(48)]),
  );
  for (const index of [0, 1, 2]) pcrs.set(index, PCR);
  pcrs.set(4, instancePcr('i-0123456789abcdef0'));
  const payload = encodePayload(
    {
      ...{ moduleId, pcrs, timestamp: now, certificate: chain.leaf, cabundle: chain.cabundle },
      ...{ publicKey: KEY, userData: null, nonce: NONCE },
    },
    'indefinite',
  );
  return signDocument(payload, chain.leafKey);
}

beforeAll(async () => {
  here = folder();
  fingerprint = String(
    (await here.json(['keys', 'sim-root', '--out', 'root.json']))['fingerprint'],
  );
  document = await makeDocument(here.at('root.json'), Date.now());
  writeFileSync(here.at('doc'), document);
  writeFileSync(here.at('doc.hex'), `${hex(document)}\n`);
  writeFileSync(
    here.at('doc.b64'),
    Buffer.from(document).toString('base64').replace(/.{64}/g, '$&\n'),
  );
  writeFileSync(
    here.at('measure.json'),
    JSON.stringify({ HashAlgorithm: 'x', PCR0: hex(PCR), PCR1: hex(PCR), PCR2: hex(PCR) }),
  );
  await here.json([
    ...['policy', 'init', '--from-measure', 'measure.json', '--root', fingerprint],
    ...['--out', 'policy.json'],
  ]);
  const policy = JSON.parse(readFileSync(here.at('policy.json'), 'utf8')) as { waivers: object[] };
  policy.waivers.push({ check: 'userData', reason: 'no session offline' });
  writeFileSync(here.at('offline.json'), JSON.stringify(policy));
});
afterAll(() => {
  here.remove();
});

describe('keys sim-root', () => {
  it('is private, its public part travels in the peer file, and its key stays', async () => {
    expect(statSync(here.at('root.json')).mode & 0o777).toBe(0o600);
    const { privateKey } = JSON.parse(readFileSync(here.at('root.json'), 'utf8')) as {
      privateKey: string;
    };
    await here.json(['keys', 'new', '--out', 'k']);
    const out = await here.dpca([
      ...['peers', 'export', '--keys', 'k', '--simulated-root', 'root.json', '--out', 'p.json'],
    ]);
    const peer = readFileSync(here.at('p.json'), 'utf8');
    expect(peer).toContain(fingerprint);
    expect(peer + out.stdout + out.stderr).not.toContain(privateKey);
    writeFileSync(here.at('forged.json'), peer.replace(fingerprint, 'ab'.repeat(32)));
    const forged = await here.dpca(['peers', 'add', 'forged.json', '--into', 'peers']);
    expect([forged.code, forged.stderr.includes('ERR_KEY_FORMAT')]).toEqual([2, true]);
  });

  it('overwrites nothing', async () => {
    expect((await here.dpca(['keys', 'sim-root', '--out', 'root.json'])).code).toBe(2);
  });
});

describe('policy', () => {
  it('names the root, the measurements and every waiver in words', async () => {
    const { code, stdout } = await here.dpca(['policy', 'check', 'policy.json']);
    expect(code).toBe(0);
    for (const part of [
      'Simulated: documents of the software security module only',
      `root ${fingerprint} (partition sim)`,
      `PCR0 ${hex(PCR)}`,
      'DOES NOT CHECK who signed the image (PCR8)',
    ]) {
      expect(stdout).toContain(part);
    }
  });

  it('is refused with exit 4 when empty or naming a simulated root for production', async () => {
    writeFileSync(here.at('empty.json'), '{}');
    const production = readFileSync(here.at('policy.json'), 'utf8').replace(
      '"simulated"',
      '"production"',
    );
    writeFileSync(here.at('production.json'), production);
    const empty = await here.dpca(['policy', 'check', 'empty.json']);
    expect([empty.code, empty.stderr.includes('POLICY_EMPTY')]).toEqual([4, true]);
    const anchor = await here.dpca(['policy', 'check', 'production.json']);
    expect([anchor.code, anchor.stderr.includes('POLICY_ANCHOR')]).toEqual([4, true]);
  });

  it('is not made without a root, or from a malformed measurement', async () => {
    const init = ['policy', 'init', '--from-measure', 'measure.json', '--out', 'other.json'];
    expect((await here.dpca(init)).stderr).toContain('ERR_USAGE');
    writeFileSync(here.at('short.json'), JSON.stringify({ PCR0: 'ab', PCR1: 'ab', PCR2: 'ab' }));
    const short = await here.dpca([...init, '--from-measure', 'short.json', '--root', fingerprint]);
    expect([short.code, short.stderr.includes('/PCR0')]).toEqual([2, true]);
  });
});

describe('attest verify', () => {
  it.each(['doc', 'doc.hex', 'doc.b64'])('accepts the document from %s', async (file) => {
    const ran = await here.dpca([
      ...verify.map((word) => (word === 'doc' ? file : word)),
      '--nonce',
      hex(NONCE),
    ]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^ACCEPTED\n/);
    expect(ran.stdout).toContain(`sim ${fingerprint}`);
    expect(ran.stdout).toContain('waived   9h  user_data');
  });

  it('refuses with exit 4 and names every failed check', async () => {
    const wrong = await here.dpca([
      ...verify,
      '--nonce',
      'a6'.repeat(32),
      '--at',
      '2001-01-01T00:00:00Z',
      '--json',
    ]);
    expect(wrong.code).toBe(4);
    const verdict = JSON.parse(wrong.stdout) as {
      accepted: boolean;
      code: string;
      checks: { result: string; code?: string }[];
    };
    expect([verdict.accepted, verdict.code]).toEqual([false, 'CERT_NOT_YET_VALID']);
    const failed = verdict.checks
      .filter((check) => check.result === 'fail')
      .map((check) => check.code);
    expect(failed).toEqual([
      'CERT_NOT_YET_VALID',
      'TIMESTAMP_FUTURE',
      'PCR_MISMATCH',
      'NONCE_MISMATCH',
    ]);
  });

  it('refuses a changed byte and a document of another root', async () => {
    const changed = Uint8Array.from(document);
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    writeFileSync(here.at('changed'), changed);
    const ran = await here.dpca([
      'attest',
      'verify',
      'changed',
      ...verify.slice(3),
      '--nonce',
      hex(NONCE),
    ]);
    expect([ran.code, ran.stdout.startsWith('REFUSED: COSE_SIGNATURE_INVALID')]).toEqual([4, true]);
    await here.json(['keys', 'sim-root', '--out', 'other-root.json']);
    writeFileSync(here.at('foreign'), await makeDocument(here.at('other-root.json'), Date.now()));
    const other = await here.dpca([
      'attest',
      'verify',
      'foreign',
      ...verify.slice(3),
      '--nonce',
      hex(NONCE),
    ]);
    expect([other.code, other.stdout.startsWith('REFUSED: ROOT_MISMATCH')]).toEqual([4, true]);
  });

  it("judges at the document's time only when asked, and says so", async () => {
    const ran = await here.dpca([...verify, '--nonce', hex(NONCE), '--at', 'document']);
    expect(ran.stdout).toContain('says nothing about freshness');
    const time = await here.dpca([...verify, '--at', 'yesterday']);
    expect([time.code, time.stderr.includes('ERR_USAGE')]).toEqual([2, true]);
  });
});

describe('attest show', () => {
  it('marks every field as unverified', async () => {
    const { code, stdout } = await here.dpca(['attest', 'show', 'doc']);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n').slice(0, -2);
    expect(lines.every((line) => line.startsWith('UNVERIFIED'))).toBe(true);
    expect(stdout).toContain(hex(NONCE));
  });

  it('refuses what is no document with its code', async () => {
    writeFileSync(here.at('noise'), 'not a document!');
    const ran = await here.dpca(['attest', 'show', 'noise']);
    expect([ran.code, ran.stdout]).toEqual([4, '']);
    expect(ran.stderr).toMatch(/^error (COSE|CBOR)_/);
    expect((await here.dpca(['attest', 'show', 'absent'])).code).toBe(2);
  });
});
