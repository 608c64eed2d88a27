/**
 * From sources to an image file: a container engine or this machine makes the root, this project's own writers make the
 * ramdisks and the file. Equal roots, kernel and command line give equal PCRs wherever and whenever they are built.
 * @module
 */
import { createHash, createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeCpio, type CpioEntry } from '../../attestation/image/cpio.ts';
import { buildEif } from '../../attestation/image/image.ts';
import type { ImagePcrs } from '../../attestation/image/pcrs.ts';
import type { NewHash } from '../../src/incremental-hash.ts';
import type { ImageSigner } from '../../attestation/image/signature.ts';
import { utf8 } from '../../src/encoding.ts';
import { DpcaError, orCode } from '../../src/errors.ts';
import { projectVersion } from '../cli/root.ts';
import { readPrivateFile, readTextFile } from '../keys/files.ts';
import { CLOSURE_FILE, closureDifference, parseClosure } from './closure.ts';
import { assembleRoot, bootAndRoot, readRoot } from './root.ts';
import { hasTool, runTool } from './tool.ts';

/** AWS's own, which QEMU's machine of the same kind takes unchanged. */
export const DEFAULT_CMDLINE: string =
  'reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=on';

export const ENGINES = ['buildah', 'docker', 'local'] as const;
export type Engine = (typeof ENGINES)[number];

/** A build of everything from a cold cache, on a slow network. */
const BUILD_DEADLINE_MS = 3_600_000;
const SCALAR_BYTES = 48;

export const nodeSha384: NewHash = () => createHash('sha384');

export interface RootRequest {
  readonly project: string;
  /** For the engine `local`: the node binary and the first process. */
  readonly node: string;
  readonly init: string;
  /** For containers: another base image than the Dockerfile's, and further arguments of the engine. */
  readonly base?: string;
  readonly engineArguments: readonly string[];
}

/** The engine to use: the one asked for, else the first that is installed (ERR_IMAGE_TOOL without one). */
export function chooseEngine(asked: Engine | undefined): Engine {
  const found = asked ?? (['buildah', 'docker'] as const).find(hasTool);
  if (found !== undefined) return found;
  throw new DpcaError(
    'ERR_IMAGE_TOOL',
    'expected buildah or docker on the PATH, or --engine local',
  );
}

/** The root file system as the engine makes it; codes of root.ts and tool.ts, and ERR_IMAGE_CLOSURE. */
export function makeRoot(engine: Engine, request: RootRequest): readonly CpioEntry[] {
  const entries = engine === 'local' ? assembleRoot(request) : containerRoot(engine, request);
  checkClosure(request.project, entries);
  return entries;
}

function containerRoot(
  engine: 'buildah' | 'docker',
  { project, base, engineArguments }: RootRequest,
): readonly CpioEntry[] {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-image-'));
  const output = join(folder, 'root');
  // times are zero in the archive whatever the engine does; this keeps its own layers equal too
  const own = engine === 'buildah' ? ['bud', '--timestamp', '0'] : ['build'];
  try {
    runTool(
      engine,
      [
        ...[...own, ...engineArguments, '--file', join(project, 'Dockerfile.enclave')],
        ...(base === undefined ? [] : ['--build-arg', `BASE=${base}`]),
        ...['--output', `type=local,dest=${output}`, project],
      ],
      { timeoutMs: BUILD_DEADLINE_MS, show: true },
    );
    return readRoot(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Refuses a root with a file more or less than the committed list (ERR_IMAGE_CLOSURE). */
export function checkClosure(project: string, entries: readonly CpioEntry[]): void {
  const files = entries.filter(({ kind }) => kind !== 'directory').map(({ path }) => path);
  const wrong = closureDifference(parseClosure(readTextFile(join(project, CLOSURE_FILE))), files);
  if (wrong.length === 0) return;
  const shown = wrong.slice(0, 10).join(' ');
  throw new DpcaError('ERR_IMAGE_CLOSURE', `${CLOSURE_FILE}: ${wrong.length} differ: ${shown}`);
}

/** A signer from a private PEM key (0600) and a certificate (ERR_CONFIG_FILE, ERR_KEY_FORMAT). */
export function readSigner(keyFile: string, certificateFile: string): ImageSigner {
  const pem = readPrivateFile(keyFile);
  const jwk = orCode('ERR_KEY_FORMAT', `${keyFile}: expected a private key in PEM`, () =>
    createPrivateKey(pem).export({ format: 'jwk' }),
  );
  if (jwk.crv !== 'P-384' || jwk.d === undefined) {
    throw new DpcaError('ERR_KEY_FORMAT', `${keyFile}: expected a key on P-384`);
  }
  const secretKey = new Uint8Array(SCALAR_BYTES);
  secretKey.set(Buffer.from(jwk.d, 'base64url'));
  return { secretKey, certificatePem: utf8(readTextFile(certificateFile)) };
}

export interface ImageRequest {
  readonly root: readonly CpioEntry[];
  readonly kernel: Uint8Array;
  readonly cmdline: string;
  readonly signer?: ImageSigner;
  /** Seconds since 1970 that the metadata give as build time; not measured. */
  readonly epochSeconds: number;
}

/** JSON in the shape that nitro-cli writes and shows; in no PCR. */
function metadataOf(epochSeconds: number): Uint8Array {
  const version = projectVersion();
  return utf8(
    JSON.stringify({
      ImageName: 'dpca-enclave',
      ImageVersion: version,
      BuildMetadata: {
        BuildTime: new Date(epochSeconds * 1000).toISOString().replace('.000Z', '+00:00'),
        BuildTool: 'dpca',
        BuildToolVersion: version,
        OperatingSystem: 'Linux',
        KernelVersion: 'unknown',
      },
      DockerInfo: {},
      CustomMetadata: {},
    }),
  );
}

/** The image file and its reference values (ERR_IMAGE_ROOT, ERR_CPIO, ERR_EIF_SECTION, ERR_EIF_SIGNATURE). */
export function makeImage({ root, kernel, cmdline, signer, epochSeconds }: ImageRequest): {
  readonly file: Uint8Array;
  readonly pcrs: ImagePcrs;
} {
  const ramdisks = bootAndRoot(root).map(encodeCpio);
  const parts = { kernel, cmdline, ramdisks, metadata: metadataOf(epochSeconds) };
  return buildEif(
    parts,
    signer === undefined ? undefined : { by: signer, now: Date.now() },
    nodeSha384,
  );
}

/** A kernel image or another large file (ERR_IMAGE_ROOT). */
export function readLarge(path: string): Uint8Array {
  return orCode('ERR_IMAGE_ROOT', `${path}: cannot be read`, () => readFileSync(path));
}
