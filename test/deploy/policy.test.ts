/**
 * Policies of operators (docs/operating.md): production ones from published measurements, and a change of images
 * without downtime, in which documents of old and new code are judged before, during and after the overlap.
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AWS_NITRO_ROOT_FINGERPRINT,
  parsePolicy,
  rootFingerprint,
} from '../../attestation/index.ts';
import { registerPolicy } from '../../host/commands/policy.ts';
import { withImages } from '../../host/config/production-policy.ts';
import { toHex } from '../../src/encoding.ts';
import { NOW, pcr, PCRS, Pki } from '../attestation/support/pki.ts';
import { policyText } from '../attestation/support/world.ts';
import { run, type Ran } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'dpca-policy-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (name: string): string => join(folder, name);
const hex = (byte: number): string => toHex(pcr(byte));

/** As `dpca measure FILE.eif --json` prints it. */
function measured(name: string, first: number, signer?: number): string {
  const pcrs = { PCR0: hex(first), PCR1: hex(first + 1), PCR2: hex(first + 2) };
  const signed = signer === undefined ? {} : { PCR8: hex(signer), Signer: { notBefore: 'x' } };
  const document = { HashAlgorithm: 'Sha384 { ... }', ...pcrs, ...signed };
  writeFileSync(at(name), JSON.stringify(document));
  return at(name);
}
const signed = measured('signed.json', 0x10, 0x18);
const unsigned = measured('unsigned.json', 0x20);
const next = measured('next.json', 0x30, 0x18);

const DATES = ['--not-before', '2026-11-01', '--not-after', '2027-02-01'];
const ROLE = 'arn:aws:iam::123456789012:role/dpca-publisher-EnclaveRole-1ABC';
const INSTANCE = 'i-0123456789abcdef0';
/** SHA-384(48 zero bytes, text), written down a second time. */
const ofText = (text: string): string =>
  createHash('sha384').update(Buffer.alloc(48)).update(text, 'utf8').digest('hex');

let files = 0;
async function policy(argv: readonly string[]): Promise<{ ran: Ran; file: string }> {
  const file = at(`policy-${++files}.json`);
  const ran = await run(registerPolicy, ['policy', ...argv, '--out', file]);
  return { ran, file };
}
const init = (...argv: readonly string[]) => policy(['init', '--production', ...argv]);
const read = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

describe('dpca policy init --production', () => {
  it('pins root, image, signer, role and dates, and waives nothing', async () => {
    const { ran, file } = await init('--from-measure', signed, ...DATES, '--role-arn', ROLE);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(read(file)).toEqual({
      version: 1,
      mode: 'production',
      roots: [{ fingerprint: AWS_NITRO_ROOT_FINGERPRINT, partition: 'aws' }],
      measurements: [
        {
          ...{ notBefore: '2026-11-01T00:00:00Z', notAfter: '2027-02-01T00:00:00Z' },
          ...{ pcr0: hex(0x10), pcr1: hex(0x11), pcr2: hex(0x12), pcr8: hex(0x18) },
        },
      ],
      pcr3: [ofText(ROLE)],
      maxAgeSeconds: 300,
      futureSkewSeconds: 60,
      certificateSkewSeconds: 60,
      waivers: [],
    });
    expect(ran.stdout).toContain('Leaves no check out.');
  });

  it('pins instances by PCR4, one entry for each image and instance', async () => {
    const instances = ['--instance', INSTANCE, '--instance', 'i-0fedcba9876543210'];
    const { file } = await init(
      ...['--from-measure', signed, '--from-measure', next, ...DATES, '--pcr3', hex(9)],
      ...instances,
    );
    const { measurements } = parsePolicy(readFileSync(file, 'utf8'));
    expect(measurements.map(({ pcrs }) => toHex(pcrs.get(4)!))).toEqual(
      [INSTANCE, 'i-0fedcba9876543210', INSTANCE, 'i-0fedcba9876543210'].map(ofText),
    );
  });

  it('names what it leaves out, with the reason given', async () => {
    const { ran } = await init(
      ...['--from-measure', unsigned, ...DATES],
      ...['--waive-pcr8', 'the release is not signed', '--waive-pcr3', 'named by its key'],
    );
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain('DOES NOT CHECK who signed the image (PCR8). Reason given: the');
    expect(ran.stdout).toContain('DOES NOT CHECK which role operates the instance (PCR3)');
  });

  const FULL = ['--from-measure', signed, '--role-arn', ROLE];
  const ROWS: readonly (readonly [string, number, string, readonly string[]])[] = [
    ['without dates', 2, '--not-before', ['--from-measure', signed, '--role-arn', ROLE]],
    ['without a role or reason', 2, '--role-arn', ['--from-measure', signed, ...DATES]],
    [
      ...(['with a role and a reason', 2, '--waive-pcr3'] as const),
      ['--from-measure', signed, ...DATES, '--role-arn', ROLE, '--waive-pcr3', 'because'],
    ],
    [
      ...(['of an unsigned image without a reason', 2, '--waive-pcr8'] as const),
      ['--from-measure', unsigned, ...DATES, '--role-arn', ROLE],
    ],
    [
      ...(['with an instance profile for a role', 2, 'role/<name>'] as const),
      [
        '--from-measure',
        signed,
        ...DATES,
        '--role-arn',
        ROLE.replace('role/', 'instance-profile/'),
      ],
    ],
    [
      ...(['with a short instance id', 2, '--instance'] as const),
      ['--from-measure', signed, ...DATES, '--role-arn', ROLE, '--instance', 'i-01234567'],
    ],
    [
      ...(['with a simulated root', 2, '--root does not go with'] as const),
      ['--from-measure', signed, ...DATES, '--role-arn', ROLE, '--root', 'ab'.repeat(32)],
    ],
    [
      ...(['with dates in another form', 2, 'UTC day'] as const),
      [...FULL, '--not-before', '1.11.2026', '--not-after', '2027-02-01'],
    ],
    [
      ...(['with dates that end first', 4, 'POLICY_FORMAT'] as const),
      [...FULL, '--not-before', '2027-02-01', '--not-after', '2026-11-01'],
    ],
    [
      ...(['of a debug image', 4, 'POLICY_FORMAT'] as const),
      ['--from-measure', measured('debug.json', 0, 0x18), ...DATES, '--role-arn', ROLE],
    ],
  ];
  it.each(ROWS)('%s: refused with %i', async (_what, code, part, argv) => {
    const { ran } = await init(...argv);
    expect([ran.code, ran.stderr.includes(part)]).toEqual([code, true]);
  });

  it('does not take its flags for a simulated policy', async () => {
    const { ran } = await policy(['init', '--from-measure', unsigned, '--role-arn', ROLE]);
    expect([ran.code, ran.stderr.includes('--role-arn does not go without')]).toEqual([2, true]);
  });
});

describe('dpca policy add', () => {
  it('adds an image with its own dates and ends those of before', async () => {
    const { file: old } = await init('--from-measure', signed, ...DATES, '--role-arn', ROLE);
    const { ran, file } = await policy([
      ...['add', old, '--from-measure', next, '--others-end', '2026-12-15T12:00:00Z'],
      ...['--not-before', '2026-12-01', '--not-after', '2027-06-01'],
    ]);
    expect(ran.code).toBe(0);
    const { measurements, ...rest } = read(file);
    const { measurements: before, ...restBefore } = read(old);
    expect(rest).toEqual(restBefore);
    expect(measurements).toEqual([
      { ...(before as object[])[0], notAfter: '2026-12-15T12:00:00Z' },
      {
        ...{ notBefore: '2026-12-01T00:00:00Z', notAfter: '2027-06-01T00:00:00Z' },
        ...{ pcr0: hex(0x30), pcr1: hex(0x31), pcr2: hex(0x32), pcr8: hex(0x18) },
      },
    ]);
  });

  it('never makes dates longer, and refuses an end it cannot read', async () => {
    const { file: old } = await init('--from-measure', signed, ...DATES, '--role-arn', ROLE);
    const adding = ['add', old, '--from-measure', next, ...DATES];
    const late = await policy([...adding, '--others-end', '2030-01-01']);
    expect((read(late.file)['measurements'] as { notAfter: string }[])[0]?.notAfter).toBe(
      '2027-02-01T00:00:00Z',
    );
    const unclear = await policy([...adding, '--others-end', 'soon']);
    expect(unclear.ran.code).toBe(2);
    const before = await policy([...adding, '--others-end', '2026-01-01']);
    expect([before.ran.code, before.ran.stderr.includes('POLICY_FORMAT')]).toEqual([4, true]);
  });

  it('demands a signer where the policy does', async () => {
    const { file: old } = await init('--from-measure', signed, ...DATES, '--role-arn', ROLE);
    const { ran } = await policy(['add', old, '--from-measure', unsigned, ...DATES]);
    expect([ran.code, ran.stderr.includes('/PCR8')]).toEqual([2, true]);
  });
});

describe('a change of measurements', () => {
  const pki = new Pki('deploy/policy.test');
  const fresh = { pcr0: pcr(0x30), pcr1: pcr(0x31), pcr2: pcr(0x32) };
  const seconds = (offset: number): string =>
    `${new Date(NOW + offset * 1000).toISOString().slice(0, 19)}Z`;
  beforeAll(async () => {
    pki.chain = await pki.issue(pki.specs());
  });

  /** Code under which a document of these PCRs is refused `offset` seconds after NOW; null when accepted. */
  async function verdict(text: string, pcrs: typeof fresh, offset: number): Promise<string | null> {
    const now = NOW + offset * 1000;
    const all = [
      ...Object.values(pcrs).map((value, i) => [i, value] as const),
      ...[[3, pcr(0)] as const, [4, Buffer.from(ofText(INSTANCE), 'hex')] as const],
    ];
    const document = pki.document({
      fields: { pcrs: { fields: all }, timestamp: BigInt(now) },
    });
    const { accepted, checks } = await pki.verify(document, { policy: parsePolicy(text), now });
    if (accepted) return null;
    return checks.flatMap((check) => (check.result === 'fail' ? [check.code] : [])).join(' ');
  }
  it('accepts both sets while their dates overlap, and afterwards only the new one', async () => {
    const old = policyText({ root: rootFingerprint(pki.chain[0]!), pcrs: PCRS });
    const accepted = {
      files: [next],
      instances: [],
      notBefore: seconds(60),
      notAfter: seconds(7000),
    };
    const both = JSON.stringify(withImages(old, accepted, seconds(600)));
    const [before, overlap, after] = [0, 120, 900];
    // before the change, on a policy that does not know of it: only the old
    expect(await verdict(old, PCRS, before)).toBeNull();
    expect(await verdict(old, fresh, before)).toBe('PCR_MISMATCH');
    // the new policy is in force on both sides before anything is upgraded
    expect(await verdict(both, PCRS, before)).toBeNull();
    expect(await verdict(both, fresh, before)).toBe('PCR_MISMATCH');
    // either side may upgrade, and go back
    expect(await verdict(both, PCRS, overlap)).toBeNull();
    expect(await verdict(both, fresh, overlap)).toBeNull();
    // and then no longer
    expect(await verdict(both, PCRS, after)).toBe('PCR_MISMATCH');
    expect(await verdict(both, fresh, after)).toBeNull();
    // not a mixture of the two
    const mixed = { ...fresh, pcr0: PCRS.pcr0 };
    expect(await verdict(both, mixed, overlap)).toBe('PCR_MISMATCH');
  });
});
