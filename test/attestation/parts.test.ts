/** The smaller parts: root certificate, CBOR writer, user_data, P-384, measurement, inspection. @module */
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { p384 } from '@noble/curves/nist.js';
import { sha384 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../attestation/cbor.ts';
import { measure } from '../../attestation/measurement.ts';
import { isP384Key, isP384Signature, nobleP384 } from '../../attestation/p384.ts';
import {
  AWS_NITRO_ROOT_FINGERPRINT,
  AWS_NITRO_ROOT_PEM,
  loadRoot,
} from '../../attestation/root.ts';
import { showAttestation } from '../../attestation/show.ts';
import { decodeUserData, encodeUserData } from '../../attestation/user-data.ts';
import { measureSimulated } from '../../enclave/nsm/measure.ts';
import { verifyP384 } from '../../enclave/p384-webcrypto.ts';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../../src/encoding.ts';
import { Pki, pcr } from './support/pki.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

describe('36 the bundled root', () => {
  it('is the certificate of the known fingerprint', () => {
    expect(loadRoot(AWS_NITRO_ROOT_PEM, AWS_NITRO_ROOT_FINGERPRINT)).toHaveLength(533);
  });

  it('is refused when damaged: ROOT_FINGERPRINT', () => {
    const lines = AWS_NITRO_ROOT_PEM.split('\n');
    for (let line = 1; line < lines.length - 2; line++) {
      const damaged = lines.map((text, i) =>
        i === line ? `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}` : text,
      );
      expect(() => loadRoot(damaged.join('\n'), AWS_NITRO_ROOT_FINGERPRINT)).toThrowCode(
        'ROOT_FINGERPRINT',
      );
    }
    for (const text of ['', AWS_NITRO_ROOT_PEM.slice(1), AWS_NITRO_ROOT_PEM + AWS_NITRO_ROOT_PEM]) {
      expect(() => loadRoot(text, AWS_NITRO_ROOT_FINGERPRINT)).toThrowCode('ROOT_FINGERPRINT');
    }
  });
});

describe('the CBOR writer', () => {
  it.each([
    // RFC 8949, appendix A
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [100, '1864'],
    [1000, '1903e8'],
    [1_000_000, '1a000f4240'],
    [1_000_000_000_000n, '1b000000e8d4a51000'],
    [18_446_744_073_709_551_615n, '1bffffffffffffffff'],
    [-1, '20'],
    [-100, '3863'],
    [-1000, '3903e7'],
    [fromHex('01020304'), '4401020304'],
    ['', '60'],
    ['IETF', '6449455446'],
    ['\u00fc', '62c3bc'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [null, 'f6'],
    [true, 'f5'],
  ])('%s is %s', (value, hex) => {
    expect(toHex(encodeCbor(value))).toBe(hex);
  });

  it('is undone by the reader', () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array(),
      fc.constant(null),
      fc.nat(0xffffffff),
    );
    fc.assert(
      fc.property(fc.array(leaf), (values) => {
        expect(decodeCbor(encodeCbor(values), 2, 'CBOR_LENGTH')).toEqual(values);
      }),
      { seed: 20_260_101 },
    );
  });
});

describe('user_data', () => {
  const { binding } = new Pki('parts.test');

  it('has the documented bytes', () => {
    const encoded = encodeUserData(binding);
    const head = '87 6e 647063612d6174746573742f7631 64 696e6974 5820'.replaceAll(' ', '');
    expect(toHex(encoded)).toBe(
      [
        head + toHex(binding.sessionId),
        `5830${toHex(binding.transcript)}`,
        `5820${toHex(binding.identityKeyHash)}`,
        `5820${toHex(binding.manifestHash)}`,
        `5820${toHex(binding.enclaveKeyHash)}`,
      ].join(''),
    );
    expect(encoded).toHaveLength(207);
    expect(decodeUserData(encoded)).toEqual(binding);
  });

  it('is refused when a bit of its structure changes, at every truncation, and never untyped', () => {
    const encoded = encodeUserData(binding);
    for (let n = 0; n < encoded.length; n++) {
      expect(() => decodeUserData(encoded.subarray(0, n))).toThrowCode('BINDING_FORMAT');
    }
    for (const at of [0, 1, 5, 16, 17, 20, 21, 22]) {
      const changed = Uint8Array.from(encoded);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => decodeUserData(changed)).toThrowCode('BINDING_FORMAT');
    }
  });
});

describe('P-384', () => {
  const message = utf8('message');
  const secretKey = p384.utils.randomSecretKey(concat(pcr(1), pcr(2)).subarray(0, 72));
  const publicKey = p384.getPublicKey(secretKey, false);
  const low = p384.sign(message, secretKey, { lowS: true });
  const order = p384.Point.Fn.ORDER;
  const s = BigInt(`0x${toHex(low.subarray(48))}`);
  const high = concat(low.subarray(0, 48), fromHex((order - s).toString(16).padStart(96, '0')));

  it.each([
    ['oracle', nobleP384],
    ['WebCrypto', verifyP384],
  ])('%s takes high and low s and refuses the rest without throwing', async (_name, verify) => {
    expect(await verify(publicKey, low, message)).toBe(true);
    expect(await verify(publicKey, high, message)).toBe(true);
    expect(await verify(publicKey, low, utf8('massage'))).toBe(false);
    expect(await verify(publicKey, new Uint8Array(96), message)).toBe(false);
    expect(await verify(publicKey, low.subarray(1), message)).toBe(false);
    expect(await verify(publicKey.subarray(1), low, message)).toBe(false);
    expect(await verify(p384.getPublicKey(secretKey, true), low, message)).toBe(false);
    expect(await verify(new Uint8Array(97).fill(4), low, message)).toBe(false);
  });

  it('knows keys and signatures by their form', () => {
    expect(isP384Key(publicKey)).toBe(true);
    expect(isP384Key(new Uint8Array(97))).toBe(false);
    expect(isP384Key(p384.getPublicKey(secretKey, true))).toBe(false);
    const hybrid = Uint8Array.from(publicKey);
    hybrid[0] = 6;
    expect(isP384Key(hybrid)).toBe(false);
    expect(isP384Signature(high)).toBe(true);
    expect(isP384Signature(new Uint8Array(96))).toBe(false);
  });
});

describe('measurement', () => {
  const file = (path: string, text: string) => ({ path, content: utf8(text) });
  const base = measure([file('d/x.js', '1')], [file('a/y.js', '2'), file('a/z.js', '3')]);

  it('is the documented construction', () => {
    const lp = (bytes: Uint8Array): Uint8Array =>
      concat(Uint8Array.of(0, 0, 0, bytes.length), bytes);
    const contents = concat(
      lp(utf8('dpca-measure/v1 dependencies')),
      lp(utf8('d/x.js')),
      lp(utf8('1')),
    );
    expect(base.pcr1).toEqual(sha384(concat(new Uint8Array(48), sha384(contents))));
  });

  it('depends on content, path and side, not on the order of the list', () => {
    const again = measure([file('d/x.js', '1')], [file('a/z.js', '3'), file('a/y.js', '2')]);
    expect(again).toEqual(base);
    const changed = measure([file('d/x.js', '1')], [file('a/y.js', '2'), file('a/z.js', '4')]);
    expect(changed.pcr0).not.toEqual(base.pcr0);
    expect(changed.pcr1).toEqual(base.pcr1);
    expect(changed.pcr2).not.toEqual(base.pcr2);
    const moved = measure([file('d/x.js', '1')], [file('a/y.js2', ''), file('a/z.js', '3')]);
    expect(moved.pcr2).not.toEqual(base.pcr2);
    expect(() => measure([], [file('a', '1')])).toThrowCode('ERR_INTERNAL');
  });
});

describe('measurement of a built tree', () => {
  let root = '';
  const change = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'dpca-measure-'));
    for (const folder of ['src', 'attestation', 'enclave']) {
      for (let i = 0; i < 8; i++)
        await change(`dist/${folder}/file${i}.js`, `export const n = ${i};\n`);
    }
    await change('dist/host/dpca.js', 'host');
    for (const name of [
      '@noble/curves',
      '@noble/hashes',
      '@peculiar/x509',
      'cbor-x',
      'jose',
      'reflect-metadata',
    ]) {
      await change(
        `node_modules/${name}/package.json`,
        JSON.stringify({ name, dependencies: { deep: '1' } }),
      );
      await change(`node_modules/${name}/index.js`, name);
    }
    await change('node_modules/deep/package.json', '{"name":"deep"}');
    await change('node_modules/deep/lib/index.cjs', 'deep');
    await change('node_modules/unrelated/package.json', '{}');
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it('one changed line of the enclave changes PCR0 and PCR2, one of a deep dependency PCR0 and PCR1', async () => {
    const before = measureSimulated(root);
    await change('dist/enclave/file3.js', 'export const n = 33;\n');
    const code = measureSimulated(root);
    expect(code.pcr0).not.toEqual(before.pcr0);
    expect(code.pcr1).toEqual(before.pcr1);
    expect(code.pcr2).not.toEqual(before.pcr2);
    await change('node_modules/deep/lib/index.cjs', 'deeper');
    const packages = measureSimulated(root);
    expect(packages.pcr0).not.toEqual(code.pcr0);
    expect(packages.pcr1).not.toEqual(code.pcr1);
    expect(packages.pcr2).toEqual(code.pcr2);
  });

  it('host code, source maps and packages that are not reached do not count', async () => {
    const before = measureSimulated(root);
    await change('dist/host/dpca.js', 'another host');
    await change('dist/src/file1.js.map', '{}');
    await change('node_modules/unrelated/index.js', 'x');
    expect(measureSimulated(root)).toEqual(before);
  });

  it('refuses an incomplete build, a missing package and links', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'dpca-measure-'));
    await cp(root, copy, { recursive: true });
    await symlink(join(copy, 'dist/src/file1.js'), join(copy, 'dist/src/link.js'));
    expect(() => measureSimulated(copy)).toThrowCode('ERR_CONFIG_FILE');
    await rm(join(copy, 'dist/src/link.js'));
    await rm(join(copy, 'node_modules/deep'), { recursive: true });
    expect(() => measureSimulated(copy)).toThrowCode('ERR_CONFIG_FILE');
    await rm(join(copy, 'dist/src'), { recursive: true });
    expect(() => measureSimulated(copy)).toThrowCode('ERR_CONFIG_FILE');
    await rm(copy, { recursive: true });
  });

  it('counts every package that the enclave and its layers import', async () => {
    const source = await readFile(join(repository, 'enclave/nsm/measure.ts'), 'utf8');
    const imported = new Set<string>();
    let files = 0;
    for (const layer of ['src', 'attestation', 'enclave']) {
      for (const file of await readdir(join(repository, layer), { recursive: true })) {
        if (!file.endsWith('.ts') || file.endsWith('.d.ts')) continue;
        files += 1;
        const text = await readFile(join(repository, layer, file), 'utf8');
        for (const [, name = ''] of text.matchAll(
          /(?:from|import) '((?:@[\w-]+\/)?[\w-]+)[^']*';/g,
        )) {
          if (!name.startsWith('node')) imported.add(name);
        }
      }
    }
    expect(files).toBeGreaterThan(30);
    expect(imported.size).toBeGreaterThan(4);
    for (const name of imported) expect(source).toContain(`'${name}'`);
  });
});

describe('37 no way around the verifier', () => {
  const closureOf = async (entry: string): Promise<ReadonlyMap<string, string>> => {
    const found = new Map<string, string>();
    const pending = [join(repository, entry)];
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      if (found.has(file)) continue;
      const text = await readFile(file, 'utf8');
      found.set(file, text);
      for (const [, path = ''] of text.matchAll(/from '(\.[^']+)'/g))
        pending.push(join(dirname(file), path));
    }
    return found;
  };

  it('the public entry reaches no simulation and no certificate generator', async () => {
    const closure = await closureOf('attestation/index.ts');
    expect(closure.size).toBeGreaterThan(20);
    for (const [file, text] of closure) {
      expect(file).not.toContain('simulated');
      expect(text).not.toMatch(/'@peculiar\/x509'|'reflect-metadata'/);
    }
  });

  it('no environment variable, host name or run mode is read, and no clock', async () => {
    for (const [, text] of await closureOf('attestation/index.ts')) {
      expect(text).not.toMatch(
        /process\.|NODE_ENV|hostname|localhost|Date\.now|new Date\(\)|Math\.random/,
      );
    }
  });
});

describe('inspection', () => {
  it('marks every field UNVERIFIED, also of a document that nobody should accept', async () => {
    const pki = await Pki.create('parts.test');
    const fields = showAttestation(pki.document({ leafKey: pki.key(1) }));
    expect(new Set(fields.map(({ status }) => status))).toEqual(new Set(['UNVERIFIED']));
    expect(fields.map(({ name }) => name)).toContain('user_data transcript');
    expect(() => showAttestation(pki.document().subarray(0, -1))).toThrowCode('CBOR_TRUNCATED');
  });
});
