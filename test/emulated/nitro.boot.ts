/**
 * The project's own enclave image under QEMU's nitro-enclave machine: the file boots, the emulated security module
 * reports the PCRs that were calculated from it, production refuses its unsigned documents, and two of them complete a
 * run under a policy that names the calculated PCRs. Needs what prepare.mjs builds; says what is missing.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCbor } from '../../attestation/cbor.ts';
import type { CpioEntry } from '../../attestation/image/cpio.ts';
import type { ImagePcrs } from '../../attestation/image/pcrs.ts';
import { parsePolicy } from '../../attestation/policy.ts';
import { rootFingerprint } from '../../attestation/root.ts';
import { createSimulatedRoot, encodeSimulatedRoot } from '../../attestation/simulated/chain.ts';
import { verifyAttestation } from '../../attestation/verify.ts';
import { verifyP384 } from '../../enclave/p384-webcrypto.ts';
import { checkClosure, DEFAULT_CMDLINE, makeImage } from '../../host/image/build.ts';
import { importClosure } from '../../host/image/closure.ts';
import { assembleRoot, INIT_ARGUMENTS } from '../../host/image/root.ts';
import { fromHex, toHex, utf8 } from '../../src/encoding.ts';
import { sha384 } from '@noble/hashes/sha2.js';
import {
  type Build,
  copyBuild,
  type Pair,
  processesOf,
  writePolicy,
} from '../support/party-folders.ts';
import { PROJECT } from './guest-image.ts';
import { type Guest, MODULE_ID, startGuest } from './guest.ts';
import { emulatedPair, expectReleased, play, useGuest } from './parties.ts';
import { missingForNitroGuests, OWN_KERNEL } from './tools.ts';

const missing = missingForNitroGuests();
if (missing.length > 0)
  console.warn(`SKIPPED, own images under emulation need ${missing.join(', ')}`);

let folder: string;
let project: string;
let host: Build;
let production: readonly CpioEntry[];
let root: Awaited<ReturnType<typeof createSimulatedRoot>>;
const guests = new Set<Guest>();

interface Image {
  readonly eif: string;
  readonly pcrs: ImagePcrs;
}

/** Compiles the native parts into a private copy of the build, which images are then made of. */
function stage(): void {
  project = join(folder, 'project');
  cpSync(join(PROJECT, 'dist'), join(project, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(ts|map|tsbuildinfo)$/.test(path),
  });
  copyFileSync(join(PROJECT, 'package.json'), join(project, 'package.json'));
  symlinkSync(join(PROJECT, 'node_modules'), join(project, 'node_modules'));
  const compile = (script: string, ...argv: string[]): void =>
    void execFileSync(process.execPath, [join(PROJECT, 'enclave', script), ...argv]);
  compile('init/build.mjs', join(project, 'dist/enclave/init/init'));
  compile('nsm/build.mjs', join(project, 'dist/enclave/nsm/nsm.node'));
  if (!existsSync(join(PROJECT, 'enclave/native/build.mjs'))) return;
  compile('native/build.mjs', '--out', join(project, 'dist/enclave/native/dpca-kernel.node'));
}

function writeImage(name: string, entries: readonly CpioEntry[]): Image {
  const kernel = readFileSync(OWN_KERNEL);
  const { file, pcrs } = makeImage({
    root: entries,
    kernel,
    cmdline: DEFAULT_CMDLINE,
    epochSeconds: 0,
  });
  const eif = join(folder, `${name}.eif`);
  writeFileSync(eif, file);
  return { eif, pcrs };
}

/** The production image's root with another entry, which no production image holds. */
function rootOf(entry: string): readonly CpioEntry[] {
  const compiled = `dist/test/emulated/${entry}.js`;
  const argv = INIT_ARGUMENTS.map((word) => word.replace('dist/enclave/main.js', compiled));
  const there = new Set(production.map(({ path }) => path));
  const file = (path: string, content: Uint8Array): CpioEntry => ({
    path,
    kind: 'file',
    mode: 0o644,
    content,
  });
  const directory = (path: string): CpioEntry => ({
    path,
    kind: 'directory',
    mode: 0o755,
    content: new Uint8Array(0),
  });
  const added = importClosure(project, compiled)
    .map((path) => file(`app/${path}`, readFileSync(join(project, path))))
    .filter(({ path }) => !there.has(path));
  const folders = new Set(
    added.flatMap(({ path }) =>
      path
        .split('/')
        .slice(0, -1)
        .map((_, i, all) => all.slice(0, i + 1).join('/')),
    ),
  );
  return [
    ...production.filter(({ path }) => path !== 'etc/dpca-init'),
    ...[...folders].filter((path) => !there.has(path)).map(directory),
    ...added,
    file('etc/dpca-init', utf8(`${argv.join('\n')}\n`)),
    file('app/sim-root.json', utf8(encodeSimulatedRoot(root))),
  ];
}

async function boot({ eif }: Image): Promise<Guest> {
  const guest = await startGuest({ kind: 'nitro', eif });
  guests.add(guest);
  return guest;
}

const hexOf = ({ pcr0, pcr1, pcr2 }: ImagePcrs): Build['measured'] => ({
  ...{ pcr0: toHex(pcr0), pcr1: toHex(pcr1), pcr2: toHex(pcr2) },
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dpca-f-'));
  if (missing.length > 0) return;
  stage();
  host = copyBuild(join(folder, 'host'));
  production = assembleRoot({
    ...{ project, node: process.execPath, init: join(project, 'dist/enclave/init/init') },
  });
  root = await createSimulatedRoot({
    rng: (n) => new Uint8Array(randomBytes(n)),
    now: Date.now(),
  });
});
afterAll(async () => {
  for (const guest of guests) await guest.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Both parties' enclaves boot from this image; `act`, then everything is stopped. */
async function withGuests(image: Image, act: (pair: Pair) => Promise<void>): Promise<void> {
  const pair = await emulatedPair({ ...host, measured: hexOf(image.pcrs) });
  const booted = await Promise.all([boot(image), boot(image)]);
  try {
    for (const [i, party] of [pair.a, pair.b].entries()) {
      await booted[i]!.printed(/ready/);
      writePolicy(party, [rootFingerprint(root.certificate)], [pair.build]);
      useGuest(party, booted[i]!);
    }
    await act(pair);
  } finally {
    for (const guest of booted) await guest.kill();
    for (const { pid } of processesOf(pair.folder)) process.kill(pid, 'SIGKILL');
    pair.remove();
  }
}

describe.skipIf(missing.length > 0)('the production image', () => {
  it('holds the files of the committed list, and no test-only capability', () => {
    checkClosure(PROJECT, production);
    const files = production.map(({ path }) => path);
    expect(files.filter((path) => /simulated|sim-root|dist\/test/.test(path))).toEqual([]);
  });

  it('boots, with the PCRs that were calculated; its evidence is refused', async () => {
    const image = writeImage('production', production);
    await withGuests(image, async (pair) => {
      for (const guest of guests) {
        const line = await guest.printed(/"ready"/);
        console.info(`heartbeat after ${guest.bootMs} ms: ${line.slice(0, 60)}...`);
        const { PCR0, PCR1, PCR2, PCR8, kernel } = JSON.parse(line) as Record<string, string>;
        expect(kernel).not.toBe('native-ifma'); // no such instructions without hardware help
        expect({ pcr0: PCR0, pcr1: PCR1, pcr2: PCR2 }).toEqual(hexOf(image.pcrs));
        expect(PCR8).toBe('00'.repeat(48));
      }
      const { listener, caller } = await play(pair);
      expect([listener.code, caller.code]).toContain('COSE_ALG');
      expect([listener.exit, caller.exit]).toEqual([4, 4]);
      expect([listener.stdout, caller.stdout]).toEqual(['', '']);
    });
  });
});

describe.skipIf(missing.length > 0)('the security module, through the production driver', () => {
  it('answers as the driver expects', async () => {
    const image = writeImage('probe', rootOf('nsm-probe'));
    const guest = await boot(image);
    const line = await guest.printed(/^probe /);
    const answers = JSON.parse(line.slice('probe '.length)) as {
      description: Record<string, unknown>;
      pcrs: Record<string, string>;
      random: readonly string[];
      much: number;
      extended: string;
      lockedBefore: boolean;
      lock: string;
      lockedAfter: boolean;
      lockAgain: string;
      extendAgain: string;
      beyond: string;
      document: string;
      ms: number;
    };
    await guest.kill();
    console.info(`the module answered everything in ${answers.ms} ms`);
    expect(answers.description).toMatchObject({
      moduleId: MODULE_ID,
      digest: 'SHA384',
      maxPcrs: 32,
    });
    const { pcr0, pcr1, pcr2 } = hexOf(image.pcrs);
    expect(answers.pcrs).toEqual({ 0: pcr0, 1: pcr1, 2: pcr2, 8: '00'.repeat(48) });
    expect(answers.random[0]).not.toBe(answers.random[1]);
    expect(answers.much).toBe(65_536);
    const zeros = new Uint8Array(48);
    expect(answers.extended).toBe(toHex(sha384(Buffer.concat([zeros, utf8('hello')]))));
    expect([answers.lockedBefore, answers.lock, answers.lockedAfter]).toEqual([
      false,
      'done',
      true,
    ]);
    expect(answers.lockAgain).toContain('ReadOnlyIndex');
    expect(answers.extendAgain).toContain('ReadOnlyIndex');
    expect(answers.beyond).toContain('InvalidIndex');

    const document = fromHex(answers.document);
    const [, , payload] = decodeCbor(Uint8Array.from(document), 3, 'CBOR_LENGTH') as Uint8Array[];
    const fields = decodeCbor(Uint8Array.from(payload!), 3, 'CBOR_LENGTH', true) as Map<
      string,
      unknown
    >;
    const pcrs = fields.get('pcrs') as Map<number, Uint8Array>;
    expect([0, 1, 2].map((index) => toHex(pcrs.get(index)!))).toEqual([pcr0, pcr1, pcr2]);
    expect(fields.get('nonce')).toEqual(new Uint8Array(32).fill(2));
    const policy = parsePolicy(
      JSON.stringify({
        ...{ version: 1, mode: 'simulated', maxAgeSeconds: 300 },
        ...{ futureSkewSeconds: 60, certificateSkewSeconds: 60 },
        roots: [{ fingerprint: rootFingerprint(root.certificate), partition: 'sim' }],
        measurements: [
          { notBefore: '2020-01-01T00:00:00Z', notAfter: '2100-01-01T00:00:00Z', pcr0, pcr1, pcr2 },
        ],
        waivers: ['pcr8', 'pcr3'].map((check) => ({ check, reason: 'test' })),
      }),
    );
    const verdict = await verifyAttestation(document, policy, Date.now(), { verifyP384 });
    expect([verdict.accepted, verdict.code]).toEqual([false, 'COSE_ALG']);
  });
});

describe.skipIf(missing.length > 0)(
  'two own images, whose documents a simulated root signs again',
  () => {
    it('complete a run under a policy of the calculated PCRs, and none under another', async () => {
      await withGuests(writeImage('resigned', rootOf('resigned-enclave')), async (pair) => {
        const played = await play(pair);
        expectReleased(played);
        console.info(`a run of two images took ${played.ms} ms`);
        const other = {
          ...pair.build,
          measured: { ...pair.build.measured, pcr1: 'ab'.repeat(48) },
        };
        writePolicy(pair.b, [rootFingerprint(root.certificate)], [other]);
        for (const guest of [...guests].slice(-2)) await guest.printed(/ready$/, 1);
        const { listener, caller } = await play(pair);
        expect([listener.code, caller.code]).toEqual(['ERR_SESSION_REFUSED', 'PCR_MISMATCH']);
      });
    });
  },
);
