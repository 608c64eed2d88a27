/**
 * `dpca keys new`, `dpca peers export|add`: file modes, refusals, and that private keys are never printed.
 * @module
 */
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sign, verify, createPublicKey, createPrivateKey } from 'node:crypto';
import { createKeys, loadKeys } from '../../host/keys/keys.ts';
import { peerFingerprint, peerOf, pinnedPeer, readPeer, writePeer } from '../../host/keys/peers.ts';
import { folder, type Folder } from './dpca.ts';

let here: Folder;
beforeEach(() => (here = folder()));
afterEach(() => {
  here.remove();
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const privateKeyOf = (path: string): string =>
  (JSON.parse(readFileSync(path, 'utf8')) as { privateKey: string }).privateKey;

describe('keys new', () => {
  it('writes two private files, prints only public halves, and overwrites nothing', async () => {
    const made = await here.dpca([
      'keys',
      'new',
      '--out',
      'k',
      '--name',
      'publisher',
      '--log-level',
      'debug',
    ]);
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/identity {2}([0-9a-f]{4} ){9}[0-9a-f]{4}\n/);
    expect(modeOf(here.at('k'))).toBe(0o700);
    for (const file of ['identity.json', 'log.json']) {
      expect(modeOf(here.at('k', file))).toBe(0o600);
      expect(made.stdout + made.stderr).not.toContain(privateKeyOf(here.at('k', file)));
    }
    const before = readFileSync(here.at('k', 'log.json'), 'utf8');
    const again = await here.dpca(['keys', 'new', '--out', 'k', '--name', 'other']);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/^error ERR_CONFIG_EXISTS: k\/identity\.json exists .*\nhint: ./);
    expect(readFileSync(here.at('k', 'log.json'), 'utf8')).toBe(before);
  });

  it('makes no half pair when one file is in the way', () => {
    createKeys(here.at('k'), 'publisher');
    rmSync(here.at('k', 'identity.json'));
    expect(() => createKeys(here.at('k'), 'publisher')).toThrowCode('ERR_CONFIG_EXISTS');
    expect(readdirSync(here.at('k'))).toEqual(['log.json']);
  });

  it('makes Ed25519 keys whose halves belong together', () => {
    const { identity, log } = createKeys(here.at('k'), 'publisher');
    expect(identity.publicKey).not.toEqual(log.publicKey);
    const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: b64(identity.publicKey) };
    const priv = createPrivateKey({ format: 'jwk', key: { ...jwk, d: b64(identity.privateKey) } });
    const signature = sign(null, Buffer.from('message'), priv);
    const pub = createPublicKey({ format: 'jwk', key: jwk });
    expect(verify(null, Buffer.from('message'), pub, signature)).toBe(true);
    expect(loadKeys(here.at('k'))).toEqual({ name: 'publisher', identity, log });
  });
});

describe('loading keys', () => {
  beforeEach(() => {
    createKeys(here.at('k'), 'publisher');
  });

  it.each([0o640, 0o604, 0o660])(
    'refuses a file that others may access (mode %o)',
    async (mode) => {
      chmodSync(here.at('k', 'log.json'), mode);
      expect(() => loadKeys(here.at('k'))).toThrowCode('ERR_CONFIG_FILE');
      const ran = await here.dpca(['peers', 'export', '--keys', 'k', '--out', 'p.json']);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain('ERR_CONFIG_FILE');
    },
  );

  it('refuses a public key that belongs to another private key, another kind, and an extra member', () => {
    const path = here.at('k', 'identity.json');
    const good = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
    for (const change of [
      { publicKey: 'ab'.repeat(32) },
      { kind: 'dpca/v1/log-key' },
      { extra: 'x' },
      { privateKey: 'short' },
      { name: 'other' },
    ]) {
      writeFileSync(path, JSON.stringify({ ...good, ...change }));
      expect(() => loadKeys(here.at('k'))).toThrowCode('ERR_KEY_FORMAT');
      try {
        loadKeys(here.at('k'));
      } catch (error) {
        expect(String(error)).not.toContain(good['privateKey']);
      }
    }
  });
});

describe('peers', () => {
  let fingerprint: string;
  beforeEach(() => {
    const peer = peerOf(createKeys(here.at('k'), 'publisher'), null);
    writePeer(here.at('p.json'), peer);
    fingerprint = peerFingerprint(peer);
  });

  it('exports public halves only, under the fingerprint that it prints', async () => {
    const out = await here.json(['peers', 'export', '--keys', 'k', '--out', 'again.json']);
    expect(out['fingerprint']).toBe(fingerprint);
    const text = readFileSync(here.at('again.json'), 'utf8');
    expect(text).toBe(readFileSync(here.at('p.json'), 'utf8'));
    const keys = loadKeys(here.at('k'));
    for (const { privateKey } of [keys.identity, keys.log]) {
      expect(text).not.toContain(Buffer.from(privateKey).toString('hex'));
    }
    expect(Object.keys(JSON.parse(text) as object).sort()).toEqual([
      'identity',
      'kind',
      'log',
      'name',
      'simulatedRoot',
    ]);
  });

  it('pins after the right fingerprint, however it was typed, and once', async () => {
    const typed = fingerprint.replaceAll(' ', ':').toUpperCase();
    const added = await here.json([
      'peers',
      'add',
      'p.json',
      '--into',
      'peers',
      '--fingerprint',
      typed,
    ]);
    expect(pinnedPeer(here.at('peers'), String(added['identity'])).name).toBe('publisher');
    const again = await here.dpca([
      'peers',
      'add',
      'p.json',
      '--into',
      'peers',
      '--fingerprint',
      typed,
    ]);
    expect([again.code, again.stderr.includes('ERR_CONFIG_EXISTS')]).toEqual([2, true]);
    expect(() => pinnedPeer(here.at('peers'), '77'.repeat(32))).toThrowCode('ERR_CONFIG');
  });

  it('pins nothing without a comparison, or with a wrong or shortened fingerprint', async () => {
    const wrong = fingerprint.replace(/^./, (c) => (c === '0' ? '1' : '0'));
    for (const flags of [
      [],
      ['--fingerprint', wrong],
      ['--fingerprint', fingerprint.slice(0, 20)],
    ]) {
      const ran = await here.dpca(['peers', 'add', 'p.json', '--into', 'peers', ...flags]);
      expect([ran.code, ran.stdout]).toEqual([2, '']);
      expect(ran.stderr).toContain('ERR_USAGE');
    }
    expect(readdirSync(here.path)).not.toContain('peers');
  });

  it('changes the fingerprint with every pinned field', () => {
    const peer = readPeer(here.at('p.json'));
    const root = { fingerprint: '00'.repeat(32), certificate: '00' };
    for (const change of [
      { name: 'publishers' },
      { identity: '01'.repeat(32) },
      { log: '02'.repeat(32) },
      { simulatedRoot: root },
    ]) {
      expect(peerFingerprint({ ...peer, ...change })).not.toBe(fingerprint);
    }
  });

  it('refuses a file with another kind, a zero key, one key for both uses, or an extra member', () => {
    const peer = readPeer(here.at('p.json'));
    for (const change of [
      { kind: 'dpca/v1/identity-key' },
      { identity: '00'.repeat(32) },
      { log: peer.identity },
      { privateKey: 'x' },
      { simulatedRoot: { fingerprint: '00'.repeat(32), certificate: '00' } },
    ]) {
      writeFileSync(here.at('changed.json'), JSON.stringify({ ...peer, ...change }));
      expect(() => readPeer(here.at('changed.json'))).toThrowCode('ERR_KEY_FORMAT');
    }
  });
});
