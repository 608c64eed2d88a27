/**
 * An organisation's two Ed25519 keys: identity (consent to a run) and log (checkpoints). They are files of the host
 * (docs/threat-model.md) and prove the organisation, never the code. Secret: the private halves.
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { equalConstantTime, fixed, type Bytes } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { createPrivateFile, parseObject, prettyJson, readPrivateFile } from './files.ts';

export interface KeyPair {
  /** Ed25519 public key (RFC 8032). */
  readonly publicKey: Bytes<32>;
  /** Ed25519 private key: the 32-byte seed of RFC 8032 section 5.1.5. */
  readonly privateKey: Bytes<32>;
}

export interface Keys {
  readonly name: string;
  readonly identity: KeyPair;
  readonly log: KeyPair;
}

const KINDS = { identity: 'dpca/v1/identity-key', log: 'dpca/v1/log-key' } as const;
type KeyUse = keyof typeof KINDS;

/** PKCS #8 header of an Ed25519 private key (RFC 8410 section 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

function publicOf(privateKey: Uint8Array): Bytes<32> {
  const der = Buffer.concat([PKCS8_ED25519, privateKey]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  der.fill(0);
  const spki = key.export({ format: 'der', type: 'spki' });
  return fixed(new Uint8Array(spki.subarray(-32)), 32, 'Ed25519 public key');
}

function newKeyPair(): KeyPair {
  const der = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  const privateKey = fixed(new Uint8Array(der.subarray(-32)), 32, 'Ed25519 private key');
  der.fill(0);
  return { publicKey: publicOf(privateKey), privateKey };
}

const fileOf = (folder: string, use: KeyUse): string => join(folder, `${use}.json`);

/** Names are shown to people of both parties and stand in the manifest. */
export function checkName(name: string): string {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} &'.,()_-]{0,63}$/u.test(name) || name !== name.normalize('NFC')) {
    throw new DpcaError(
      'ERR_USAGE',
      "name: expected 1 to 64 letters, digits, spaces or & ' . , ( ) _ -",
    );
  }
  return name;
}

/** Makes both keys and writes identity.json and log.json, 0600, into `folder` (ERR_CONFIG_EXISTS). */
export function createKeys(folder: string, name: string): Keys {
  checkName(name);
  const uses = ['identity', 'log'] as const;
  for (const use of uses) {
    if (existsSync(fileOf(folder, use))) {
      throw new DpcaError(
        'ERR_CONFIG_EXISTS',
        `${fileOf(folder, use)} exists and is not overwritten`,
      );
    }
  }
  const keys: Keys = { name, identity: newKeyPair(), log: newKeyPair() };
  const written: string[] = [];
  try {
    for (const use of uses) {
      const { publicKey, privateKey } = keys[use];
      const text = prettyJson({
        kind: KINDS[use],
        name,
        publicKey: toHex(publicKey),
        privateKey: toHex(privateKey),
      });
      createPrivateFile(fileOf(folder, use), text);
      written.push(fileOf(folder, use));
    }
  } catch (error) {
    for (const path of written) rmSync(path);
    throw error;
  }
  return keys;
}

function loadKey(folder: string, use: KeyUse): KeyPair & { readonly name: string } {
  const path = fileOf(folder, use);
  const given = parseObject(readPrivateFile(path), path, 'ERR_KEY_FORMAT');
  const { kind, name, publicKey, privateKey } = given;
  const isKey = (value: unknown): value is string =>
    typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
  if (
    kind !== KINDS[use] ||
    typeof name !== 'string' ||
    !isKey(publicKey) ||
    !isKey(privateKey) ||
    Object.keys(given).length !== 4
  ) {
    throw new DpcaError(
      'ERR_KEY_FORMAT',
      `${path}: expected {kind: "${KINDS[use]}", name, publicKey, privateKey} with keys of 64 hex digits`,
    );
  }
  const pair = {
    name,
    publicKey: fixed(fromHex(publicKey), 32, 'public key'),
    privateKey: fixed(fromHex(privateKey), 32, 'private key'),
  };
  if (!equalConstantTime(publicOf(pair.privateKey), pair.publicKey)) {
    throw new DpcaError(
      'ERR_KEY_FORMAT',
      `${path}: the public key does not belong to the private key`,
    );
  }
  return pair;
}

/** Loads both keys of `folder` (ERR_CONFIG_FILE for absent or readable-by-others, ERR_KEY_FORMAT). */
export function loadKeys(folder: string): Keys {
  const { name, ...identity } = loadKey(folder, 'identity');
  const { name: logName, ...log } = loadKey(folder, 'log');
  if (name !== logName) {
    throw new DpcaError(
      'ERR_KEY_FORMAT',
      `${folder}: the two key files name different organisations`,
    );
  }
  return { name, identity, log };
}
