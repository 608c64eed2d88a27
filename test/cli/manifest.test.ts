/**
 * `dpca manifest init|check`, and the order flag > environment > file of the settings.
 * @module
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../host/config/config.ts';
import { certifyManifest, parseManifest } from '../../src/run/manifest.ts';
import { folder, INIT_A, twoParties, WEIGHTS, type Folder } from './dpca.ts';

let here: Folder;
beforeAll(async () => {
  here = folder();
  await twoParties(here);
});
afterAll(() => {
  here.remove();
});

const read = (path: string): string => readFileSync(path, 'utf8');
const schema = (name: string): Record<string, unknown> =>
  JSON.parse(read(new URL(`../../docs/schema/${name}`, import.meta.url).pathname)) as Record<
    string,
    unknown
  >;

describe('manifest init', () => {
  it('gives both parties the same manifest and each its own configuration', () => {
    expect(read(here.at('a/manifest.json'))).toBe(read(here.at('b/manifest.json')));
    const manifest = parseManifest(read(here.at('a/manifest.json')));
    expect(manifest.purpose).toBe('Lists are [1,2] long');
    expect(manifest.parties.a.name).toBe('publisher');
    expect(manifest.parties.b.rowsMax).toBe(50);
    expect(manifest.privacy.mask.columns).toHaveLength(2);
    const a = loadConfig(here.at('a/dpca.json'), {}, {});
    expect(a).toMatchObject({
      party: 'a',
      keys: here.at('a/keys'),
      data: { path: here.at('data.csv'), header: false, columns: { email: 1, device: 4 } },
      listen: { host: '127.0.0.1', port: 8443 },
    });
    expect(loadConfig(here.at('b/dpca.json'), {}, {}).data.columns).toEqual({
      email: 'email',
      device: 'device',
    });
  });

  it('writes documents that the published schemas accept', () => {
    const accepts = (name: string, file: string): boolean =>
      new Ajv2020({ allowUnionTypes: true, discriminator: true }).compile(schema(name))(
        JSON.parse(read(here.at(file))),
      );
    expect(accepts('manifest.schema.json', 'a/manifest.json')).toBe(true);
    expect(accepts('config.schema.json', 'a/dpca.json')).toBe(true);
  });

  const flags = ['--epsilon', '--delta', '--runs', '--rows', '--column'];
  it.each(flags)('has no default for %s', async (flag) => {
    const kept = INIT_A.filter((word, i) => word !== flag && INIT_A[i - 1] !== flag);
    const ran = await here.dpca([...kept, '--out', 'fresh']);
    expect([ran.code, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain(`ERR_USAGE: ${flag} is missing`);
  });

  it('finds a mask that keeps the claim when none is given', async () => {
    const without = INIT_A.filter(
      (word, i) => word !== '--weights' && INIT_A[i - 1] !== '--weights',
    );
    const ran = await here.dpca([...without, '--out', 'searched', '--epsilon', '8', '--runs', '2']);
    expect(ran.code).toBe(0);
    const manifest = parseManifest(read(here.at('searched/manifest.json')));
    expect(certifyManifest(manifest).deltaUpper).toBeLessThanOrEqual(
      Number(manifest.privacy.delta),
    );
    expect(manifest.privacy.mask.columns).toHaveLength(2);
  });

  it('refuses a mask that does not keep the claim, and writes nothing', async () => {
    const ran = await here.dpca([...INIT_A, '--out', 'fresh', '--epsilon', '1']);
    expect([ran.code, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain('ERR_MANIFEST_PLAN');
    expect(() => read(here.at('fresh/manifest.json'))).toThrow('ENOENT');
  });

  it('overwrites nothing, and takes no agreement beside --from', async () => {
    const again = await here.dpca(INIT_A);
    expect([again.code, again.stderr.includes('ERR_CONFIG_EXISTS')]).toEqual([2, true]);
    const both = await here.dpca([...INIT_A, '--out', 'fresh', '--from', 'a/manifest.json']);
    expect([both.code, both.stderr.includes('ERR_USAGE')]).toEqual([2, true]);
  });
});

describe('manifest check', () => {
  it('shows both parties the same hash and explains the claim', async () => {
    const hashes = [];
    for (const side of ['a', 'b']) {
      const ran = await here.dpca(['manifest', 'check', '--config', `${side}/dpca.json`]);
      expect(ran.code).toBe(0);
      expect(ran.stdout).toContain('epsilon 2 and delta 0.0001 for 10 runs in all');
      expect(ran.stdout).toContain('null-a-row');
      expect(ran.stdout).toContain('74 dummy rows');
      expect(ran.stdout).toContain('Certified');
      hashes.push(/Manifest {2}(.*)/.exec(ran.stdout)?.[1]);
    }
    expect(hashes[0]).toMatch(/^([0-9a-f]{4} ){9}[0-9a-f]{4}$/);
    expect(hashes[0]).toBe(hashes[1]);
  });

  it('prints a hash with --json that is the full one', async () => {
    const out = await here.json(['manifest', 'check', '--config', 'a/dpca.json']);
    expect(out['hash']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses other keys, an unpinned peer and a changed mask, each with its code', async () => {
    const check = ['manifest', 'check', '--config', 'a/dpca.json'];
    const keys = await here.dpca([...check, '--keys', 'b/keys']);
    expect([keys.code, /ERR_CONFIG: .*identity key/.test(keys.stderr)]).toEqual([2, true]);
    const peers = await here.dpca([...check, '--peers', 'nobody']);
    expect([peers.code, /ERR_CONFIG: .*not pinned/.test(peers.stderr)]).toEqual([2, true]);
    writeFileSync(
      here.at('weak.json'),
      read(here.at('a/manifest.json')).replaceAll(WEIGHTS.replaceAll(',', ', '), '3, 2, 1'),
    );
    const weak = await here.dpca([...check, '--manifest', 'weak.json']);
    expect([weak.code, weak.stderr.includes('ERR_MANIFEST_PLAN')]).toEqual([2, true]);
    writeFileSync(
      here.at('rules.json'),
      read(here.at('a/manifest.json')).replace(/"ruleSet": ".{8}/, '"ruleSet": "00000000'),
    );
    const rules = await here.dpca([...check, '--manifest', 'rules.json']);
    expect([rules.code, rules.stderr.includes('/normalisation/ruleSet')]).toEqual([2, true]);
  });
});

describe('configuration', () => {
  const load = (overrides = {}, env = {}, file = 'a/dpca.json') =>
    loadConfig(here.at(file), overrides, env);
  const edited = (edit: (config: Record<string, unknown>) => void): string => {
    const config = JSON.parse(read(here.at('a/dpca.json'))) as Record<string, unknown>;
    edit(config);
    writeFileSync(here.at('edited.json'), JSON.stringify(config));
    return 'edited.json';
  };

  it('takes flag, then environment, then file', () => {
    expect(load().party).toBe('a');
    expect(load({}, { DPCA_PARTY: 'b' }).party).toBe('b');
    expect(load({ party: 'a' }, { DPCA_PARTY: 'b' }).party).toBe('a');
    expect(load({ listen: '[::1]:9000' }, { DPCA_LISTEN: '0.0.0.0:1' }).listen).toEqual({
      host: '::1',
      port: 9000,
    });
    expect(load({}, { DPCA_PEER_URL: 'wss://peer.example:8443' }).peer?.url).toBe(
      'wss://peer.example:8443',
    );
  });

  it('applies the same order in the process', async () => {
    const check = ['manifest', 'check', '--config', 'a/dpca.json'];
    const env = { DPCA_KEYS: here.at('b/keys') };
    expect((await here.dpca(check, env)).code).toBe(2);
    expect((await here.dpca([...check, '--keys', 'a/keys'], env)).code).toBe(0);
    expect((await here.dpca(['manifest', 'check'], { DPCA_CONFIG: 'a/dpca.json' })).code).toBe(0);
  });

  it('resolves paths of the file beside it and paths of flags at the caller', () => {
    expect(load().policy).toBe(here.at('a/policy.json'));
    expect(load({ policy: 'p.json' }).policy).toBe(`${process.cwd()}/p.json`);
    expect(load({ data: '-' }).data.path).toBe('-');
  });

  it.each([
    ['an unknown key', '/extra: unknown key', (c: Record<string, unknown>) => (c['extra'] = 1)],
    [
      'a privacy parameter',
      '/epsilon: unknown key',
      (c: Record<string, unknown>) => (c['epsilon'] = '2'),
    ],
    ['a missing key', '/policy: missing', (c: Record<string, unknown>) => delete c['policy']],
    ['another version', '/version: expected 1', (c: Record<string, unknown>) => (c['version'] = 2)],
    [
      'another party',
      '/party: expected one of a, b',
      (c: Record<string, unknown>) => (c['party'] = 'c'),
    ],
    [
      'an url with credentials',
      '/peer/url',
      (c: Record<string, unknown>) => (c['peer'] = { url: 'wss://u:p@h' }),
    ],
    [
      'a port out of range',
      '/listen/port',
      (c: Record<string, unknown>) => (c['listen'] = { host: 'h', port: 65536 }),
    ],
    [
      'an enclave of another kind',
      '/enclave/kind',
      (c: Record<string, unknown>) => (c['enclave'] = { kind: 'none', root: 'r' }),
    ],
    [
      'an enclave without a kind',
      '/enclave/kind',
      (c: Record<string, unknown>) => (c['enclave'] = { root: 'r' }),
    ],
    [
      'a vsock that is the parent itself',
      '/enclave/cid',
      (c: Record<string, unknown>) =>
        (c['enclave'] = { kind: 'vsock', cid: 3, ports: { control: 1, peer: 2 } }),
    ],
    [
      'a vsock with the root of a simulated one',
      '/enclave/root: unknown key',
      (c: Record<string, unknown>) =>
        (c['enclave'] = { kind: 'vsock', cid: 16, ports: { control: 1, peer: 2 }, root: 'r' }),
    ],
    [
      'an emulated enclave without a port',
      '/enclave/ports/peer: missing',
      (c: Record<string, unknown>) =>
        (c['enclave'] = { kind: 'emulated', socket: 's', ports: { control: 1 } }),
    ],
    [
      'a certificate without key',
      '/tls',
      (c: Record<string, unknown>) => (c['tls'] = { certificate: 'x' }),
    ],
  ])('refuses %s by its path', (_what, message, edit) => {
    const file = edited(edit);
    expect(() => load({}, {}, file)).toThrowCode('ERR_CONFIG');
    expect(() => load({}, {}, file)).toThrow(message);
  });

  it('takes an enclave on a vsock, its number from a flag, and an emulated one by its path', () => {
    const ports = { control: 7001, peer: 7002 };
    const onVsock = edited((c) => (c['enclave'] = { kind: 'vsock', cid: 16, ports }));
    expect(load({}, {}, onVsock).enclave).toEqual({ kind: 'vsock', cid: 16, ports });
    expect(load({ enclaveCid: '17' }, {}, onVsock).enclave).toMatchObject({ cid: 17 });
    expect(() => load({ enclaveCid: '0x10' }, {}, onVsock)).toThrowCode('ERR_CONFIG');
    const emulated = edited((c) => (c['enclave'] = { kind: 'emulated', socket: 'vm/v', ports }));
    const { enclave } = load({}, {}, emulated);
    expect(enclave).toMatchObject({ kind: 'emulated', socket: here.at('vm/v') });
  });

  it('refuses an absent file, a key named twice, an empty variable and a malformed address', () => {
    expect(() => load({}, {}, 'absent.json')).toThrowCode('ERR_CONFIG_FILE');
    writeFileSync(here.at('edited.json'), '{"version":1,"version":1}');
    expect(() => load({}, {}, 'edited.json')).toThrowCode('ERR_JSON_DUPLICATE');
    expect(() => load({}, { DPCA_POLICY: '' })).toThrowCode('ERR_CONFIG');
    expect(() => load({ listen: '8443' })).toThrowCode('ERR_CONFIG');
    rmSync(here.at('edited.json'));
  });

  it('refuses a mapping that does not cover exactly the columns of the manifest', async () => {
    for (const [columns, at] of [
      [{ email: 1 }, '/data/columns/device: missing'],
      [{ email: 1, device: 2, phone: 3 }, '/data/columns/phone: the manifest has no such column'],
    ] as const) {
      const config = JSON.parse(read(here.at('a/dpca.json'))) as { data: object };
      config.data = { ...config.data, columns };
      writeFileSync(here.at('a/mapped.json'), JSON.stringify(config));
      const ran = await here.dpca(['manifest', 'check', '--config', 'a/mapped.json']);
      expect([ran.code, ran.stderr.includes(at)]).toEqual([2, true]);
    }
  });
});
