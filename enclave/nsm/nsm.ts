/**
 * The Nitro Security Module as a capability: a port that takes and gives CBOR, and typed operations above it that
 * the device driver and the simulation share. Answers are decoded by key; duplicates, unknown keys and wrong types are
 * ERR_NSM. Trust: on hardware the hypervisor's; in a simulation none.
 * @module
 */
import { decodeCbor, encodeCbor, type CborInput, type CborValue } from '../../attestation/cbor.ts';
import { isZero } from '../../src/bytes.ts';
import { DpcaError } from '../../src/errors.ts';

/** Longest request that the driver takes, and the response buffer it fills. */
export const MAX_REQUEST_BYTES = 4_096;
export const MAX_RESPONSE_BYTES = 12_288;
export const MAX_PCRS = 32;

/** The device: one request, one answer, both CBOR. Implementations: device, simulation, recorded. */
export interface NsmPort {
  call(request: Uint8Array): Promise<Uint8Array>;
}

export interface NsmDescription {
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly versionPatch: number;
  readonly moduleId: string;
  readonly maxPcrs: number;
  readonly lockedPcrs: readonly number[];
  readonly digest: string;
}

export interface PcrState {
  readonly isLocked: boolean;
  /** 48 bytes. */
  readonly data: Uint8Array;
}

/** The three optional fields of a document, each at most 1,024 bytes; this project sends at most 512. */
export interface AttestationRequest {
  readonly publicKey?: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly userData?: Uint8Array;
}

function unexpected(problem: string, cause?: unknown): DpcaError {
  return new DpcaError('ERR_NSM', `NSM: ${problem}`, { cause });
}

type Fields = ReadonlyMap<CborValue, CborValue>;

function fieldsOf(value: CborValue | undefined, names: readonly string[]): Fields {
  if (!(value instanceof Map)) throw unexpected('expected a map');
  const map = value as Fields;
  if (map.size !== names.length || !names.every((name) => map.has(name))) {
    throw unexpected(`expected the keys ${names.join(', ')}`);
  }
  return map;
}

function bytesAt(fields: Fields, name: string): Uint8Array {
  const value = fields.get(name);
  if (!(value instanceof Uint8Array)) throw unexpected(`${name}: expected bytes`);
  return Uint8Array.from(value);
}

function numberAt(fields: Fields, name: string): number {
  const value = fields.get(name);
  if (typeof value !== 'number' || value < 0)
    throw unexpected(`${name}: expected an unsigned integer`);
  return value;
}

function textAt(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (typeof value !== 'string') throw unexpected(`${name}: expected text`);
  return value;
}

/** Sends one request and returns what the answer holds under the operation's name; `{"Error": code}` is ERR_NSM. */
async function exchange(port: NsmPort, operation: string, body?: CborInput): Promise<CborValue> {
  const request = encodeCbor(body === undefined ? operation : { fields: [[operation, body]] });
  if (request.length > MAX_REQUEST_BYTES) throw unexpected('the request is too long');
  let answer: CborValue;
  try {
    // Depth 3 is {"DescribeNSM": {"locked_pcrs": [..]}}; PCR locks are booleans.
    answer = decodeCbor(Uint8Array.from(await port.call(request)), 3, 'CBOR_LENGTH', true);
  } catch (cause) {
    throw unexpected(`no usable answer to ${operation}`, cause);
  }
  if (answer === operation) return null;
  if (!(answer instanceof Map)) throw unexpected(`unexpected answer to ${operation}`);
  const map = answer as Fields;
  const error = map.get('Error');
  if (map.size === 1 && typeof error === 'string')
    throw unexpected(`${operation}: ${error.slice(0, 32)}`);
  return fieldsOf(map, [operation]).get(operation) ?? null;
}

function expectDone(answer: CborValue, operation: string): void {
  if (answer !== null) throw unexpected(`unexpected answer to ${operation}`);
}

/** The operations of the module, over any port. All failures are ERR_NSM. */
export class Nsm {
  private readonly port: NsmPort;

  constructor(port: NsmPort) {
    this.port = port;
  }

  async describeNsm(): Promise<NsmDescription> {
    const fields = fieldsOf(await exchange(this.port, 'DescribeNSM'), [
      'version_major',
      'version_minor',
      'version_patch',
      'module_id',
      'max_pcrs',
      'locked_pcrs',
      'digest',
    ]);
    const locked = fields.get('locked_pcrs');
    if (!Array.isArray(locked)) throw unexpected('locked_pcrs: expected an array');
    return {
      versionMajor: numberAt(fields, 'version_major'),
      versionMinor: numberAt(fields, 'version_minor'),
      versionPatch: numberAt(fields, 'version_patch'),
      moduleId: textAt(fields, 'module_id'),
      maxPcrs: numberAt(fields, 'max_pcrs'),
      lockedPcrs: (locked as readonly CborValue[]).map((index) => {
        if (typeof index !== 'number') throw unexpected('locked_pcrs: expected integers');
        return index;
      }),
      digest: textAt(fields, 'digest'),
    };
  }

  async describePcr(index: number): Promise<PcrState> {
    const body = { fields: [['index', index]] } as const;
    const fields = fieldsOf(await exchange(this.port, 'DescribePCR', body), ['lock', 'data']);
    const lock = fields.get('lock');
    if (typeof lock !== 'boolean') throw unexpected('lock: expected a boolean');
    return { isLocked: lock, data: bytesAt(fields, 'data') };
  }

  /** new = SHA-384(old || data); returns the new value. */
  async extendPcr(index: number, data: Uint8Array): Promise<Uint8Array> {
    const body = { fields: [['index', index] as const, ['data', data] as const] };
    return bytesAt(fieldsOf(await exchange(this.port, 'ExtendPCR', body), ['data']), 'data');
  }

  async lockPcr(index: number): Promise<void> {
    expectDone(await exchange(this.port, 'LockPCR', { fields: [['index', index]] }), 'LockPCR');
  }

  /** Locks the PCRs 0..range-1. */
  async lockPcrs(range: number): Promise<void> {
    expectDone(await exchange(this.port, 'LockPCRs', { fields: [['range', range]] }), 'LockPCRs');
  }

  /**
   * `n` random bytes, 1..65,536. A device answers with as many as it likes, so this loops; an empty answer or one of
   * zeros only is refused: better no randomness than bad randomness.
   */
  async getRandom(n: number): Promise<Uint8Array> {
    if (!Number.isInteger(n) || n < 1 || n > 65_536)
      throw unexpected('expected 1..65536 bytes to be asked for');
    const out = new Uint8Array(n);
    for (let filled = 0; filled < n;) {
      const random = bytesAt(
        fieldsOf(await exchange(this.port, 'GetRandom'), ['random']),
        'random',
      );
      if (random.length === 0 || isZero(random))
        throw unexpected('GetRandom gave nothing or zeros');
      const taken = random.subarray(0, n - filled);
      out.set(taken, filled);
      filled += taken.length;
      random.fill(0);
    }
    return out;
  }

  /** A fresh attestation document over the given fields; absent ones are null in it. */
  async attest(request: AttestationRequest): Promise<Uint8Array> {
    const answer = await exchange(this.port, 'Attestation', {
      fields: [
        ['user_data', request.userData ?? null],
        ['nonce', request.nonce ?? null],
        ['public_key', request.publicKey ?? null],
      ],
    });
    return bytesAt(fieldsOf(answer, ['document']), 'document');
  }
}
