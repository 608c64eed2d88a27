/**
 * The settings of dpca.json that a flag or an environment variable may replace, in one table: the help text, the
 * variables and the merge all come from here.
 * @module
 */
import type { Command } from 'commander';
import { DpcaError } from '../../src/errors.ts';
import type { Json } from '../../src/json.ts';
import type { Env } from '../cli/io.ts';

export interface Setting {
  readonly flag: string;
  readonly argument: string;
  readonly env: string;
  readonly help: string;
  /** Where it stands in the file: a key, or a key within a group. */
  readonly at: readonly [string] | readonly [string, string];
  /** A file path, made absolute. */
  readonly path?: true;
  readonly parse?: (text: string, source: string) => Json;
}

export function parseListen(text: string, source: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:]+)\]|([^:\s]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    throw new DpcaError('ERR_CONFIG', `${source}: expected HOST:PORT, as in 127.0.0.1:8443`);
  }
  return { host, port: Number(match?.[3]) };
}

function parseCid(text: string, source: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(text)) {
    throw new DpcaError('ERR_CONFIG', `${source}: expected the number of an enclave`);
  }
  return Number(text);
}

export const SETTING_NAMES = [
  'party',
  'manifest',
  'keys',
  'peers',
  'policy',
  'ledger',
  'log',
  'data',
  'format',
  'onDuplicate',
  'peerUrl',
  'listen',
  'tlsCertificate',
  'tlsKey',
  'tlsCa',
  'enclaveRoot',
  'enclaveSocket',
  'enclaveCid',
] as const;
export type SettingName = (typeof SETTING_NAMES)[number];

/** Values of flags, by setting; the names are commander's camel-cased flags. */
export type Overrides = Readonly<Partial<Record<SettingName, string>>>;

function file(flag: string, env: string, help: string, ...at: Setting['at']): Setting {
  return { flag, argument: '<path>', env, help, at, path: true };
}

export const SETTINGS: Readonly<Record<SettingName, Setting>> = {
  party: {
    flag: 'party',
    argument: '<a|b>',
    env: 'DPCA_PARTY',
    help: 'which party this is',
    at: ['party'],
  },
  manifest: file('manifest', 'DPCA_MANIFEST', 'the agreed manifest', 'manifest'),
  keys: file('keys', 'DPCA_KEYS', 'folder of the own keys', 'keys'),
  peers: file('peers', 'DPCA_PEERS', 'folder of pinned peers', 'peers'),
  policy: file('policy', 'DPCA_POLICY', 'appraisal policy for the peer', 'policy'),
  ledger: file('ledger', 'DPCA_LEDGER', "folder of the data's ledger", 'ledger'),
  log: file('log', 'DPCA_LOG', "folder of the organisation's log", 'log'),
  data: file('data', 'DPCA_DATA', 'input file, Parquet folder, or - for stdin', 'data', 'path'),
  format: {
    flag: 'format',
    argument: '<auto|csv|parquet>',
    env: 'DPCA_FORMAT',
    help: 'format of the input',
    at: ['data', 'format'],
  },
  onDuplicate: {
    flag: 'on-duplicate',
    argument: '<refuse|entity>',
    env: 'DPCA_ON_DUPLICATE',
    help: 'rows that share an identifier: refuse them, or merge them into one',
    at: ['data', 'onDuplicate'],
  },
  peerUrl: {
    flag: 'peer-url',
    argument: '<url>',
    env: 'DPCA_PEER_URL',
    help: 'where the peer listens, wss://host:port',
    at: ['peer', 'url'],
  },
  listen: {
    flag: 'listen',
    argument: '<host:port>',
    env: 'DPCA_LISTEN',
    help: 'where to listen',
    at: ['listen'],
    parse: parseListen,
  },
  tlsCertificate: file('tls-certificate', 'DPCA_TLS_CERTIFICATE', 'PEM file', 'tls', 'certificate'),
  tlsKey: file('tls-key', 'DPCA_TLS_KEY', 'PEM file', 'tls', 'key'),
  tlsCa: file('tls-ca', 'DPCA_TLS_CA', 'PEM file', 'tls', 'ca'),
  enclaveRoot: file('enclave-root', 'DPCA_ENCLAVE_ROOT', 'the simulated root', 'enclave', 'root'),
  enclaveSocket: file(
    'enclave-socket',
    'DPCA_ENCLAVE_SOCKET',
    "socket of the emulated enclave's vsock",
    'enclave',
    'socket',
  ),
  enclaveCid: {
    flag: 'enclave-cid',
    argument: '<cid>',
    env: 'DPCA_ENCLAVE_CID',
    help: 'vsock CID of the enclave',
    at: ['enclave', 'cid'],
    parse: parseCid,
  },
};

/** Adds `--config` and one flag per setting to a command that runs with a configuration. */
export function addConfigOptions(command: Command): Command {
  command.option('--config <file>', 'configuration (else DPCA_CONFIG, else ./dpca.json)');
  for (const name of SETTING_NAMES) {
    const { flag, argument, env, help } = SETTINGS[name];
    command.option(`--${flag} ${argument}`, `${help} (else ${env}, else the configuration)`);
  }
  return command;
}

/** The configuration file to read. */
export function configPath(flag: string | undefined, env: Env): string {
  return flag ?? env['DPCA_CONFIG'] ?? 'dpca.json';
}
