/**
 * The simulated trust chain: a root of partition `sim`, one per deployment, and below it the five-certificate shape of
 * genuine chains (docs/verifying.md, "The chain"). No production policy can name such a root.
 * @module
 */
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { parseJson } from '../../src/json.ts';
import type { NowMs, Rng } from '../../src/rng.ts';
import { parseCertificate } from '../certificate.ts';
import {
  generateSigningKey,
  issueCertificate,
  signingKeyOf,
  type NameParts,
  type SigningKey,
} from './certificate.ts';

export const SIMULATED_PARTITION = 'sim';
const SECOND = 1000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
const ROOT_LIFETIME = 30 * 365 * DAY;

const DIGITAL_SIGNATURE = 0x80;
const NON_REPUDIATION = 0x40;
const KEY_CERT_SIGN = 0x04;
const CRL_SIGN = 0x02;
const CA_USAGE = { bits: DIGITAL_SIGNATURE | KEY_CERT_SIGN | CRL_SIGN, critical: true };

/** Content of a simulated root's file; `privateKey` is secret only in so far as a simulation has secrets. */
export interface SimulatedRoot {
  /** P-384 secret scalar, 48 bytes. */
  readonly privateKey: Uint8Array;
  /** DER. */
  readonly certificate: Uint8Array;
}

export interface SimulatedChain {
  /** Root, regional, zonal, instance; DER. */
  readonly cabundle: readonly Uint8Array[];
  readonly leaf: Uint8Array;
  readonly leafKey: SigningKey;
  readonly issuedAt: NowMs;
}

function name(commonName: string): NameParts {
  return [
    ['C', 'US'],
    ['O', 'DPCA simulation'],
    ['OU', 'not AWS'],
    ['CN', commonName],
  ];
}

function zonalName(commonName: string): NameParts {
  return [...name(commonName).toReversed(), ['ST', 'WA'], ['L', 'Nowhere']];
}

function serial(rng: Rng, bytes: number): Uint8Array {
  return concat(Uint8Array.of(0x40 | ((rng(1)[0] ?? 0) & 0x3f)), rng(bytes - 1));
}

function wholeSeconds(at: NowMs): NowMs {
  return Math.floor(at / SECOND) * SECOND;
}

/** A fresh root, valid from a day before `now` for 30 years. */
export async function createSimulatedRoot(options: {
  readonly rng: Rng;
  readonly now: NowMs;
}): Promise<SimulatedRoot> {
  const { rng, now } = options;
  const key = generateSigningKey(rng);
  const subject = name(`${SIMULATED_PARTITION}.nitro-enclaves`);
  const notBefore = wholeSeconds(now - DAY);
  const certificate = await issueCertificate(
    {
      serial: serial(rng, 16),
      issuer: subject,
      subject,
      notBefore,
      notAfter: notBefore + ROOT_LIFETIME,
      publicKey: key.publicKey,
      basicConstraints: { ca: true },
      keyUsage: CA_USAGE,
      subjectKeyId: true,
    },
    key,
  );
  return { privateKey: key.secretKey, certificate };
}

/** Text of the file that holds a simulated root. */
export function encodeSimulatedRoot(root: SimulatedRoot): string {
  const file = {
    type: 'dpca-sim-root/v1',
    privateKey: toHex(root.privateKey),
    certificate: toHex(root.certificate),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Reads {@link encodeSimulatedRoot}'s text (ERR_KEY_FORMAT). */
export function parseSimulatedRoot(text: string): SimulatedRoot {
  const file = parseJson(text, 'simulated root');
  const value = file !== null && typeof file === 'object' && !Array.isArray(file) ? file : {};
  const { type, privateKey, certificate, ...rest } = value as Record<string, unknown>;
  if (
    type !== 'dpca-sim-root/v1' ||
    typeof privateKey !== 'string' ||
    privateKey.length !== 96 ||
    typeof certificate !== 'string' ||
    Object.keys(rest).length > 0
  ) {
    throw new DpcaError('ERR_KEY_FORMAT', 'expected a simulated root file (dpca-sim-root/v1)');
  }
  const root = { privateKey: fromHex(privateKey), certificate: fromHex(certificate) };
  const inside = parseCertificate(root.certificate);
  if (toHex(signingKeyOf(root.privateKey).publicKey) !== toHex(inside.publicKey)) {
    throw new DpcaError(
      'ERR_KEY_FORMAT',
      'simulated root: key and certificate do not belong together',
    );
  }
  return root;
}

/** A chain for one enclave: lifetimes and name orders as genuine ones, leaf valid for 3 h 3 s from `now`. */
export async function issueSimulatedChain(options: {
  readonly root: SimulatedRoot;
  readonly moduleId: string;
  readonly region: string;
  readonly rng: Rng;
  readonly now: NowMs;
}): Promise<SimulatedChain> {
  const { root, moduleId, region, rng, now } = options;
  const rootKey = signingKeyOf(root.privateKey);
  const base = `${region}.${SIMULATED_PARTITION}.nitro-enclaves`;
  const regional = { key: generateSigningKey(rng), name: name(`${toHex(rng(8))}.${base}`) };
  const zonal = { key: generateSigningKey(rng), name: zonalName(`${toHex(rng(8))}.zonal.${base}`) };
  const instance = { key: generateSigningKey(rng), name: name(`${moduleId.slice(0, 19)}.${base}`) };
  const leafKey = generateSigningKey(rng);
  const issuedAt = wholeSeconds(now);
  const crlUrl = 'http://crl.invalid/sim.crl';
  const regionalCertificate = await issueCertificate(
    {
      serial: serial(rng, 16),
      issuer: name(`${SIMULATED_PARTITION}.nitro-enclaves`),
      subject: regional.name,
      notBefore: issuedAt - HOUR,
      notAfter: issuedAt + 20 * DAY,
      publicKey: regional.key.publicKey,
      basicConstraints: { ca: true, pathLength: 2 },
      keyUsage: CA_USAGE,
      authorityKey: rootKey.publicKey,
      subjectKeyId: true,
      crlUrl,
    },
    rootKey,
  );
  const zonalCertificate = await issueCertificate(
    {
      serial: serial(rng, 16),
      issuer: regional.name,
      subject: zonal.name,
      notBefore: issuedAt - HOUR,
      notAfter: issuedAt + 5.5 * DAY,
      publicKey: zonal.key.publicKey,
      basicConstraints: { ca: true, pathLength: 1 },
      keyUsage: CA_USAGE,
      authorityKey: regional.key.publicKey,
      subjectKeyId: true,
      crlUrl,
    },
    regional.key,
  );
  const instanceCertificate = await issueCertificate(
    {
      serial: serial(rng, 21),
      issuer: zonal.name,
      subject: instance.name,
      notBefore: issuedAt - HOUR / 2,
      notAfter: issuedAt - HOUR / 2 + DAY,
      publicKey: instance.key.publicKey,
      basicConstraints: { ca: true, pathLength: 0 },
      keyUsage: { bits: KEY_CERT_SIGN, critical: true },
      authorityKey: zonal.key.publicKey,
      subjectKeyId: true,
    },
    zonal.key,
  );
  const leaf = await issueCertificate(
    {
      serial: serial(rng, 16),
      issuer: instance.name,
      subject: name(`${moduleId}.${region}.${SIMULATED_PARTITION}`),
      notBefore: issuedAt,
      notAfter: issuedAt + 3 * HOUR + 3 * SECOND,
      publicKey: leafKey.publicKey,
      basicConstraints: { ca: false },
      keyUsage: { bits: DIGITAL_SIGNATURE | NON_REPUDIATION, critical: false },
    },
    instance.key,
  );
  return {
    cabundle: [root.certificate, regionalCertificate, zonalCertificate, instanceCertificate],
    leaf,
    leafKey,
    issuedAt,
  };
}
