/**
 * One party's own configuration, `dpca.json` (README.md): outside the manifest's hash and never sent. Every
 * setting is taken from its flag, else from its DPCA_* variable, else from the file; unknown keys are errors.
 * Privacy parameters are not settings: they stand in the manifest only.
 * @module
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { DpcaError } from '../../src/errors.ts';
import type { Json } from '../../src/json.ts';
import type { Role } from '../../src/run/manifest.ts';
import type { Env } from '../cli/io.ts';
import { projectRoot } from '../cli/root.ts';
import type { Combination } from '../ingest/table.ts';
import { parseObject, readTextFile } from '../keys/files.ts';
import { SETTINGS, SETTING_NAMES, type Overrides } from './settings.ts';

export type DataFormat = 'auto' | 'csv' | 'parquet';

/** Where a value column is in the file, and how its cells are read (docs/normalisation.md, "Values"). */
export interface ValuePlace {
  readonly from: string | number;
  /** Fixed point: the value is the cell times 10^decimals; 0 when absent. */
  readonly decimals?: number;
  /** An empty cell is refused when absent. */
  readonly empty?: 'zero';
  /** How rows of one entity are combined. */
  readonly combine?: Combination;
}

export interface DataConfig {
  /** Absolute path, or `-` for stdin. */
  readonly path: string;
  readonly format: DataFormat;
  readonly header: boolean;
  readonly delimiter?: string;
  /** Logical column -> name in the file, or position from 1. */
  readonly columns: Readonly<Record<string, string | number>>;
  /** The same for the own value columns; a plain place is that of whole numbers. */
  readonly values?: Readonly<Record<string, string | number | ValuePlace>>;
  /** What to do with an identifier in two rows: refuse them when absent. */
  readonly onDuplicate?: 'refuse' | 'entity';
}

/** Which ports of the enclave's vsock lead to its two sockets. */
interface EnclavePorts {
  readonly control: number;
  readonly peer: number;
}

/** Where the own enclave is. */
export type EnclaveConfig =
  | { readonly kind: 'simulated'; readonly root: string }
  | { readonly kind: 'vsock'; readonly cid: number; readonly ports: EnclavePorts }
  /** A virtual machine without AF_VSOCK on this side: QEMU's or Firecracker's socket for it. */
  | { readonly kind: 'emulated'; readonly socket: string; readonly ports: EnclavePorts };

/** A validated configuration; every path is absolute. */
export interface Config {
  readonly version: 1;
  readonly party: Role;
  readonly manifest: string;
  readonly keys: string;
  readonly peers: string;
  readonly policy: string;
  /** Folder of the data's ledger, made by `dpca ledger init`. */
  readonly ledger: string;
  /** Folder of the organisation's log of runs; `log` beside the ledger when absent. */
  readonly log?: string;
  readonly data: DataConfig;
  /** This side agrees to manifests whose `shares` give both hosts shares of matched rows (docs/shares.md). */
  readonly allowShares?: true;
  readonly peer?: { readonly url: string };
  readonly listen?: { readonly host: string; readonly port: number };
  readonly tls?: { readonly certificate?: string; readonly key?: string; readonly ca?: string };
  readonly enclave: EnclaveConfig;
}

type Draft = { [name: string]: Json | Draft };

function describe(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>;
  const at = error.instancePath;
  if (error.keyword === 'additionalProperties') {
    return `${at}/${String(params['additionalProperty'])}: unknown key`;
  }
  if (error.keyword === 'discriminator') {
    return `${at}/${String(params['tag'])}: expected simulated, vsock or emulated`;
  }
  if (error.keyword === 'required') return `${at}/${String(params['missingProperty'])}: missing`;
  if (error.keyword === 'enum' && Array.isArray(params['allowedValues'])) {
    return `${at}: expected one of ${params['allowedValues'].join(', ')}`;
  }
  if (error.keyword === 'const') return `${at}: expected ${JSON.stringify(params['allowedValue'])}`;
  return `${at === '' ? '/' : at}: ${error.message ?? 'not acceptable'}`;
}

/** Validates against the published schema, docs/schema/config.schema.json (ERR_CONFIG with the key's path). */
function validate(draft: Draft, path: string): void {
  const schemaPath = join(projectRoot(), 'docs', 'schema', 'config.schema.json');
  const schema = JSON.parse(readFileSync(schemaPath, 'utf8')) as Record<string, unknown>;
  const check = new Ajv2020({ allowUnionTypes: true, discriminator: true }).compile(schema);
  if (check(draft)) return;
  const [first] = check.errors ?? [];
  throw new DpcaError(
    'ERR_CONFIG',
    `${path} ${first === undefined ? 'not acceptable' : describe(first)}`,
  );
}

function group(draft: Draft, name: string): Draft {
  const value = draft[name];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Draft;
  const fresh: Draft = {};
  draft[name] = fresh;
  return fresh;
}

/** Absolute paths: those of the file are relative to its folder, those of flags and variables to the caller. */
function absolute(draft: Draft, folder: string): void {
  for (const name of SETTING_NAMES) {
    const setting = SETTINGS[name];
    if (setting.path !== true) continue;
    const [outer, inner] = setting.at;
    const holder = inner === undefined ? draft : draft[outer];
    if (typeof holder !== 'object' || holder === null || Array.isArray(holder)) continue;
    const target = holder as Draft;
    const value = target[inner ?? outer];
    if (typeof value === 'string' && value !== '' && value !== '-') {
      target[inner ?? outer] = resolve(folder, value);
    }
  }
}

/**
 * Reads and validates a configuration (ERR_CONFIG_FILE, ERR_JSON_*, ERR_CONFIG naming the key's path).
 * @param overrides values of command-line flags
 * @param env the process environment; only the DPCA_* variables of {@link SETTINGS} are looked at
 */
export function loadConfig(path: string, overrides: Overrides, env: Env): Config {
  const draft = structuredClone<Draft>(parseObject(readTextFile(path), path, 'ERR_CONFIG'));
  absolute(draft, dirname(resolve(path)));
  for (const name of SETTING_NAMES) {
    const setting = SETTINGS[name];
    const fromFlag = overrides[name];
    const text = fromFlag ?? env[setting.env];
    if (text === undefined) continue;
    const source = fromFlag === undefined ? setting.env : `--${setting.flag}`;
    if (text === '') throw new DpcaError('ERR_CONFIG', `${source}: expected a value, got nothing`);
    const [outer, inner] = setting.at;
    const value = setting.parse?.(text, source) ?? text;
    if (inner === undefined) draft[outer] = value;
    else group(draft, outer)[inner] = value;
  }
  absolute(draft, process.cwd());
  validate(draft, path);
  return draft as unknown as Config;
}
