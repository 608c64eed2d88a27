/**
 * The records of a ledger, canonical JSON (docs/ledger.md section 2): a registration, extensions, and one slot per
 * charged run. Every record holds a salt, so that its leaf hash says nothing about it.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat } from '../src/bytes.ts';
import type { OutputCharge } from '../src/dp/output-noise.ts';
import { assertPlan, type MaskPlan } from '../src/dp/plan.ts';
import { fromUtf8, lengthPrefixed, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { canonicalJson, type Json, type JsonObject, parseJson } from '../src/json.ts';
import { type Manifest, privacyHash } from '../src/run/manifest.ts';
import {
  compileFields,
  outputCharge,
  privacyDocument,
  privacyFieldsFromJson,
} from '../src/run/privacy-fields.ts';
import { MAX_RECORD_BYTES } from '../src/wire/limits.ts';

/** What was registered: one plan and the claim for everything registered so far. */
export type PlanRecord = {
  readonly version: 1;
  readonly type: 'registration' | 'extension';
  /** 32 hex digits. */
  readonly lineage: string;
  readonly name: string;
  readonly prev: string;
  readonly salt: string;
  readonly rowsMax: number;
  readonly perPeer: number;
  /** Preimage of the privacy hash. */
  readonly fields: JsonObject;
  readonly epsilon: string;
  readonly delta: string;
};

export type SlotPeer = {
  /** Ed25519 identity key of the peer's organisation, 64 hex digits. */
  readonly identity: string;
  /** SHA-256 of the attested payload of its enclave. */
  readonly document: string;
  /** Measurement of its enclave image, 96 hex digits. */
  readonly pcr0: string;
};

export type SlotRecord = {
  readonly version: 1;
  readonly type: 'slot';
  readonly lineage: string;
  readonly prev: string;
  readonly salt: string;
  /** 1, 2, ... over the whole lineage, and how many are registered. */
  readonly slot: number;
  readonly of: number;
  /** Privacy hash. */
  readonly plan: string;
  readonly session: string;
  readonly run: number;
  readonly peer: SlotPeer;
};

export type LedgerRecord = PlanRecord | SlotRecord;

export const ZERO_HASH: string = '00'.repeat(32);

type Code = 'ERR_BUDGET_LEDGER' | 'ERR_BUDGET_PROOF';

/** Reads members and refuses everything else with one code. */
class Shape {
  private readonly code: Code;

  constructor(code: Code) {
    this.code = code;
  }

  refuse(problem: string): never {
    throw new DpcaError(this.code, `ledger record: ${problem}`);
  }

  members(value: Json | undefined, what: string): JsonObject {
    return value === null || typeof value !== 'object' || Array.isArray(value)
      ? this.refuse(`${what}: expected an object`)
      : (value as JsonObject);
  }

  object(value: Json | undefined, names: readonly string[], what: string): JsonObject {
    const given = this.members(value, what);
    if (Object.keys(given).length !== names.length || !names.every((name) => name in given)) {
      this.refuse(`${what}: expected the members ${names.join(', ')}`);
    }
    return given;
  }

  hex(given: JsonObject, name: string, bytes: number): string {
    const value = given[name];
    return typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]+$/.test(value)
      ? value
      : this.refuse(`${name}: expected ${bytes} bytes in lower-case hex`);
  }

  integer(given: JsonObject, name: string, max: number): number {
    const value = given[name];
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= max
      ? value
      : this.refuse(`${name}: expected a whole number from 1 to ${max}`);
  }

  text(given: JsonObject, name: string, pattern: RegExp): string {
    const value = given[name];
    return typeof value === 'string' && pattern.test(value)
      ? value
      : this.refuse(`${name}: not of the expected form`);
  }
}

const COMMON = ['version', 'type', 'lineage', 'prev', 'salt'];
const PLAN_MEMBERS = [...COMMON, 'name', 'rowsMax', 'perPeer', 'fields', 'epsilon', 'delta'];
const SLOT_MEMBERS = [...COMMON, 'slot', 'of', 'plan', 'session', 'run', 'peer'];
const MAX_ROWS = 2 ** 27;
/** Slots of one lineage over all its plans; also caps the records of a ledger. */
export const MAX_SLOTS = 16_384;
/** Registration, extensions and slots. */
export const MAX_RECORDS = 16_640;
const DECIMAL = /^(0|[1-9][0-9]{0,2})(\.[0-9]{1,30})?$/;
export const LINEAGE_NAME: RegExp = /^[\p{L}\p{N}][\p{L}\p{N} &'.,()_-]{0,63}$/u;

/** The bytes of a record: what is stored, hashed and signed. */
export function recordBytes(record: LedgerRecord): Uint8Array {
  return utf8(canonicalJson(record));
}

/** Reads one record of the own ledger (ERR_BUDGET_LEDGER) or of a peer's (ERR_BUDGET_PROOF). */
export function parseRecord(bytes: Uint8Array, code: Code): LedgerRecord {
  const shape = new Shape(code);
  if (bytes.length > MAX_RECORD_BYTES) shape.refuse(`expected at most ${MAX_RECORD_BYTES} bytes`);
  let value: Json;
  try {
    const document = fromUtf8(bytes);
    value = parseJson(document, 'ledger record');
    if (canonicalJson(value) !== document) shape.refuse('expected the canonical form');
  } catch (cause) {
    throw new DpcaError(code, 'ledger record: expected canonical JSON', { cause });
  }
  const isSlot = (value as JsonObject | null)?.['type'] === 'slot';
  const given = shape.object(value, isSlot ? SLOT_MEMBERS : PLAN_MEMBERS, 'record');
  if (given['version'] !== 1) shape.refuse('expected version 1');
  const common = {
    version: 1,
    lineage: shape.hex(given, 'lineage', 16),
    prev: shape.hex(given, 'prev', 32),
    salt: shape.hex(given, 'salt', 32),
  } as const;
  if (isSlot) {
    const peer = shape.object(given['peer'], ['identity', 'document', 'pcr0'], 'peer');
    return {
      ...common,
      type: 'slot',
      slot: shape.integer(given, 'slot', MAX_SLOTS),
      of: shape.integer(given, 'of', MAX_SLOTS),
      plan: shape.hex(given, 'plan', 32),
      session: shape.hex(given, 'session', 32),
      run: shape.integer(given, 'run', 2 ** 32),
      peer: {
        identity: shape.hex(peer, 'identity', 32),
        document: shape.hex(peer, 'document', 32),
        pcr0: shape.hex(peer, 'pcr0', 48),
      },
    };
  }
  const type = given['type'];
  if (type !== 'registration' && type !== 'extension') return shape.refuse('unknown type');
  return {
    ...common,
    type,
    name: shape.text(given, 'name', LINEAGE_NAME),
    rowsMax: shape.integer(given, 'rowsMax', MAX_ROWS),
    perPeer: shape.integer(given, 'perPeer', MAX_SLOTS),
    fields: shape.members(given['fields'], 'fields'),
    epsilon: shape.text(given, 'epsilon', DECIMAL),
    delta: shape.text(given, 'delta', DECIMAL),
  };
}

/** What the ledger needs of a plan's privacy fields. */
export interface RegisteredPlan {
  /** Privacy hash, hex. */
  readonly hash: string;
  readonly runs: number;
  readonly epsilon: string;
  readonly delta: string;
  readonly mask: MaskPlan;
  /** Moments opened in each run; undefined if there are none. */
  readonly outputs: OutputCharge | undefined;
}

/** Reads the fields of a plan record, as strictly as a manifest is read (ERR_BUDGET_LEDGER). */
export function registeredPlan({ fields }: PlanRecord): RegisteredPlan {
  try {
    const given = privacyFieldsFromJson(fields);
    const { mask, runs, epsilon, delta } = given.privacy;
    assertPlan(mask, given.columns.length);
    const hash = sha256(concat(utf8('dpca/v1/privacy'), utf8(canonicalJson(fields))));
    // overflow depends on the rows of a manifest, and is for its certificate
    const outputs = outputCharge(compileFields(given, 1));
    return { hash: toHex(hash), ...{ runs, epsilon, delta, mask, outputs } };
  } catch (cause) {
    throw new DpcaError('ERR_BUDGET_LEDGER', 'ledger record: the plan is malformed', { cause });
  }
}

export interface Registration {
  readonly lineage: string;
  readonly name: string;
  readonly rowsMax: number;
  readonly perPeer: number;
  /** The claim for everything registered, decimal text. */
  readonly epsilon: string;
  readonly delta: string;
  /** Leaf hash of the record before, hex; zeros for the first. */
  readonly prev: string;
  readonly salt: Bytes<32>;
}

/** A registration (first record) or an extension with the manifest's plan. */
export function planRecord(manifest: Manifest, given: Registration): PlanRecord {
  const { salt, ...rest } = given;
  const record: PlanRecord = {
    version: 1,
    type: given.prev === ZERO_HASH ? 'registration' : 'extension',
    fields: privacyDocument(manifest),
    ...rest,
    salt: toHex(salt),
  };
  if (registeredPlan(record).hash !== toHex(privacyHash(manifest))) {
    throw new DpcaError('ERR_INTERNAL', 'the privacy hash of a manifest has another preimage');
  }
  return record;
}

/** What an enclave signs of a slot: as the owner, or as the peer. */
export function slotStatement(as: 'owner' | 'peer', record: Uint8Array): Uint8Array {
  return concat(utf8('dpca/v1/slot'), lengthPrefixed(utf8(as), record));
}
