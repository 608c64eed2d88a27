/**
 * A software NSM with the device's operations, limits and errors, under a root of partition `sim` that no production
 * policy accepts. Enclave code cannot tell it from the device; relying parties can. Time and all randomness but that of
 * signatures are arguments. Not linked into a production image.
 * @module
 */
import { sign } from 'node:crypto';
import { sha384 } from '@noble/hashes/sha2.js';
import { decodeCbor, encodeCbor, type CborInput, type CborValue } from '../../attestation/cbor.ts';
import { instancePcr } from '../../attestation/chain.ts';
import {
  issueSimulatedChain,
  type SimulatedChain,
  type SimulatedRoot,
} from '../../attestation/simulated/chain.ts';
import type { SigningKey } from '../../attestation/simulated/certificate.ts';
import {
  encodePayload,
  signDocument,
  type PayloadForm,
} from '../../attestation/simulated/document.ts';
import { concat, fixed } from '../../src/bytes.ts';
import { toHex } from '../../src/encoding.ts';
import type { NowMs, Rng } from '../../src/rng.ts';
import { MAX_PCRS, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, type NsmPort } from './nsm.ts';
import { base64url } from '../x25519.ts';

const PCR_BYTES = 48;
const MAX_FIELD_BYTES = 1_024;
const RANDOM_BYTES = 256;
const LOCKED_AT_BOOT = 16;
/** Real leaves are reused for hours and live for 3 h 3 s, so a fresh document may have little time left. */
const LEAF_REUSE_MS = 8_000_000;

export interface SimulatedNsmOptions {
  readonly root: SimulatedRoot;
  /** 48 bytes each; PCR3 and PCR8 are zero when absent, as without a role and an image signature. */
  readonly pcrs: {
    readonly pcr0: Uint8Array;
    readonly pcr1: Uint8Array;
    readonly pcr2: Uint8Array;
    readonly pcr3?: Uint8Array;
    readonly pcr8?: Uint8Array;
  };
  readonly rng: Rng;
  readonly now: () => NowMs;
  /** Region in certificate names; default `local-1`. */
  readonly region?: string;
  /** Default `indefinite`, as devices answer since 2025. */
  readonly payloadForm?: PayloadForm;
}

type NsmErrorCode =
  | 'InvalidArgument'
  | 'InvalidIndex'
  | 'ReadOnlyIndex'
  | 'InvalidOperation'
  | 'BufferTooSmall'
  | 'InputTooLarge';

/** Leaves `call` as an `{"Error": code}` answer. */
class NsmRefusal extends Error {
  readonly code: NsmErrorCode;

  constructor(code: NsmErrorCode) {
    super(code);
    this.code = code;
  }
}

type Fields = ReadonlyMap<CborValue, CborValue>;

function fieldsOf(value: CborValue | undefined, names: readonly string[]): Fields {
  if (!(value instanceof Map) || [...value.keys()].some((key) => !names.includes(key as string))) {
    throw new NsmRefusal('InvalidArgument');
  }
  return value as Fields;
}

function unsigned(fields: Fields, name: string): number {
  const value = fields.get(name);
  if (typeof value !== 'number' || value < 0 || value > 0xffff)
    throw new NsmRefusal('InvalidArgument');
  return value;
}

function indexOf(fields: Fields): number {
  const index = unsigned(fields, 'index');
  if (index >= MAX_PCRS) throw new NsmRefusal('InvalidIndex');
  return index;
}

function optionalField(fields: Fields, name: string): Uint8Array | null {
  const value = fields.get(name) ?? null;
  if (value === null) return null;
  if (!(value instanceof Uint8Array)) throw new NsmRefusal('InvalidArgument');
  if (value.length > MAX_FIELD_BYTES) throw new NsmRefusal('InputTooLarge');
  return value;
}

/** ES384 by the platform: a device's signature costs its enclave nothing, so this one should cost little. */
function platformEs384(message: Uint8Array, { secretKey, publicKey }: SigningKey): Uint8Array {
  const [x, y] = [base64url(publicKey.subarray(1, 49)), base64url(publicKey.subarray(49))];
  const key = { kty: 'EC', crv: 'P-384', x, y, d: base64url(secretKey) };
  return new Uint8Array(sign('sha384', message, { key, format: 'jwk', dsaEncoding: 'ieee-p1363' }));
}

export class SimulatedNsm implements NsmPort {
  private readonly options: SimulatedNsmOptions;
  private readonly pcrs: Uint8Array[];
  private readonly locked: Set<number>;
  private readonly moduleId: string;
  private chain: Promise<SimulatedChain> | undefined;
  private chainIssuedAt: NowMs;

  constructor(options: SimulatedNsmOptions) {
    this.options = options;
    const { pcrs, rng } = options;
    const instanceId = `i-${toHex(rng(9)).slice(0, 17)}`;
    this.moduleId = `${instanceId}-enc${toHex(rng(8))}`;
    const zero = (): Uint8Array => new Uint8Array(PCR_BYTES);
    this.pcrs = Array.from({ length: MAX_PCRS }, zero);
    const given = [
      [0, pcrs.pcr0],
      [1, pcrs.pcr1],
      [2, pcrs.pcr2],
      [3, pcrs.pcr3 ?? zero()],
      [4, instancePcr(instanceId)],
      [8, pcrs.pcr8 ?? zero()],
    ] as const;
    for (const [index, value] of given) {
      this.pcrs[index] = Uint8Array.from(fixed(value, PCR_BYTES, `PCR${index}`));
    }
    this.locked = new Set(Array.from({ length: LOCKED_AT_BOOT }, (_, index) => index));
    this.chain = undefined;
    this.chainIssuedAt = 0;
  }

  async call(request: Uint8Array): Promise<Uint8Array> {
    try {
      if (request.length > MAX_REQUEST_BYTES) throw new NsmRefusal('InputTooLarge');
      const answer = encodeCbor(await this.answer(Uint8Array.from(request)));
      if (answer.length > MAX_RESPONSE_BYTES) throw new NsmRefusal('BufferTooSmall');
      return answer;
    } catch (error) {
      if (!(error instanceof NsmRefusal)) throw error;
      return encodeCbor({ fields: [['Error', error.code]] });
    }
  }

  private async answer(request: Uint8Array): Promise<CborInput> {
    let value: CborValue;
    try {
      value = decodeCbor(request, 2, 'CBOR_LENGTH');
    } catch {
      throw new NsmRefusal('InvalidOperation');
    }
    if (value === 'DescribeNSM') return this.describe();
    if (value === 'GetRandom') {
      return { fields: [['GetRandom', { fields: [['random', this.options.rng(RANDOM_BYTES)]] }]] };
    }
    if (!(value instanceof Map) || value.size !== 1) throw new NsmRefusal('InvalidOperation');
    const [operation, body] = [...(value as Fields)][0] ?? [];
    switch (operation) {
      case 'DescribePCR': {
        const index = indexOf(fieldsOf(body, ['index']));
        const fields = [
          ['lock', this.locked.has(index)] as const,
          ['data', this.pcr(index)] as const,
        ];
        return { fields: [[operation, { fields }]] };
      }
      case 'ExtendPCR': {
        const fields = fieldsOf(body, ['index', 'data']);
        const index = indexOf(fields);
        const data = fields.get('data');
        if (!(data instanceof Uint8Array)) throw new NsmRefusal('InvalidArgument');
        this.assertUnlocked(index);
        this.pcrs[index] = sha384(concat(this.pcr(index), data));
        return { fields: [[operation, { fields: [['data', this.pcr(index)]] }]] };
      }
      case 'LockPCR': {
        const index = indexOf(fieldsOf(body, ['index']));
        this.assertUnlocked(index);
        this.locked.add(index);
        return operation;
      }
      case 'LockPCRs': {
        const range = unsigned(fieldsOf(body, ['range']), 'range');
        if (range > MAX_PCRS) throw new NsmRefusal('InvalidIndex');
        for (let index = 0; index < range; index++) this.locked.add(index);
        return operation;
      }
      case 'Attestation':
        return { fields: [[operation, { fields: [['document', await this.attest(body)]] }]] };
      default:
        throw new NsmRefusal('InvalidOperation');
    }
  }

  private pcr(index: number): Uint8Array {
    return this.pcrs[index] ?? new Uint8Array(PCR_BYTES);
  }

  private assertUnlocked(index: number): void {
    if (this.locked.has(index)) throw new NsmRefusal('ReadOnlyIndex');
  }

  private lockedIndices(): number[] {
    return [...this.locked].sort((a, b) => a - b);
  }

  private describe(): CborInput {
    const fields = [
      ['version_major', 1],
      ['version_minor', 0],
      ['version_patch', 0],
      ['module_id', this.moduleId],
      ['max_pcrs', MAX_PCRS],
      ['locked_pcrs', this.lockedIndices()],
      ['digest', 'SHA384'],
    ] as const;
    return { fields: [['DescribeNSM', { fields }]] };
  }

  private currentChain(now: NowMs): Promise<SimulatedChain> {
    const isDue = now >= this.chainIssuedAt + LEAF_REUSE_MS || now < this.chainIssuedAt;
    if (this.chain === undefined || isDue) {
      const { root, rng, region } = this.options;
      this.chainIssuedAt = now;
      this.chain = issueSimulatedChain({
        root,
        moduleId: this.moduleId,
        region: region ?? 'local-1',
        rng,
        now,
      });
    }
    return this.chain;
  }

  private async attest(body: CborValue | undefined): Promise<Uint8Array> {
    const fields = fieldsOf(body, ['user_data', 'nonce', 'public_key']);
    const userData = optionalField(fields, 'user_data');
    const nonce = optionalField(fields, 'nonce');
    const publicKey = optionalField(fields, 'public_key');
    const now = this.options.now();
    const chain = await this.currentChain(now);
    const payload = encodePayload(
      {
        moduleId: this.moduleId,
        timestamp: now,
        pcrs: new Map(this.lockedIndices().map((index) => [index, this.pcr(index)])),
        certificate: chain.leaf,
        cabundle: chain.cabundle,
        publicKey,
        userData,
        nonce,
      },
      this.options.payloadForm ?? 'indefinite',
    );
    return signDocument(payload, chain.leafKey, platformEs384);
  }
}
