/**
 * Runs docs/operating.md: every block that does not need AWS, in order and as printed, for two parties on this machine
 * with simulated enclaves. A block's first word says where: alpha, beta, both, exchange (the folder above) or aws (not
 * run); `background` blocks end during the blocks that follow. A line ending in `# exit N or M` must end so.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildEif } from '../../attestation/image/image.ts';
import { nodeSha384, readSigner } from '../../host/image/build.ts';
import { shownPcrs } from '../../host/commands/measure.ts';
import { privateCopy } from '../image/support.ts';
import { seededRng } from '../support/test-rng.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(PROJECT, 'docs/operating.md'), 'utf8');

interface Block {
  readonly line: number;
  readonly where: string;
  readonly background: boolean;
  readonly script: string;
}

const BLOCKS: readonly Block[] = [
  ...PAGE.matchAll(/^```sh (\w+)( background)?\n([^]*?)^```$/gm),
].map(({ index, 1: where = '', 2: background, 3: script = '' }) => ({
  line: PAGE.slice(0, index).split('\n').length,
  where,
  background: background !== undefined,
  script,
}));

const missing = ['bash', 'openssl', 'curl', 'tar'].filter(
  (tool) =>
    !(process.env['PATH'] ?? '').split(delimiter).some((path) => {
      try {
        accessSync(join(path, tool), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }),
);

const folder = mkdtempSync(join(tmpdir(), 'dpca-rb-'));
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) process.kill(-(child.pid ?? 0), 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** As a person's shell runs it, but stopping at the first line that fails. */
function shell(block: Block, where: string): Promise<{ code: number | null; out: string }> {
  const checked = block.script.replace(
    /^(.*\S) +# exit ([0-9 or]+).*$/gm,
    (_line, command: string, codes: string) => {
      const expected = codes.trim().split(' or ').join('|');
      return `code=0; ${command} || code=$?\ncase $code in ${expected}) ;; *) exit 99;; esac`;
    },
  );
  const [own, other] = where === 'beta' ? ['beta', 'alpha'] : ['alpha', 'beta'];
  const script = `set -euo pipefail\ndpca() { "${process.execPath}" "${PROJECT}/dist/host/dpca.js" "$@"; }\n${checked}`;
  const child = spawn('bash', ['-c', script], {
    cwd: where === 'exchange' ? folder : join(folder, where),
    env: {
      ...{ PATH: process.env['PATH'], HOME: folder, TMPDIR: folder },
      ...{ ALPHA_FINGERPRINT: fingerprint('alpha'), BETA_FINGERPRINT: fingerprint('beta') },
      ...{ PARTY: own, PEER_CERTIFICATE: `${other}.crt` },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (out += text));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      running.delete(child);
      if (out.includes('read them this fingerprint')) exported.set(own, out);
      resolve({ code, out });
    });
  });
}

/** What `peers export` of a party printed, the first thing that it says. */
const exported = new Map<string, string>();
function fingerprint(party: string): string {
  return (
    /read them this fingerprint[^]*?\n +([0-9a-f][0-9a-f ]+)\n/.exec(
      exported.get(party) ?? '',
    )?.[1] ?? ''
  );
}

/** The output of a block is shown when it did not end as the page says. */
function expectDone({ line }: Block, where: string, code: number | null, out: string): void {
  expect({ line, where, code, out: code === 0 ? '' : out }).toEqual({
    line,
    where,
    code: 0,
    out: '',
  });
}

/** A release: a small image signed by the test's key, and what its record says of it. */
function release(name: string, seed: string): void {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  const rng = seededRng(seed);
  const fixtures = join(PROJECT, 'test/fixtures/image');
  const signer = readSigner(privateCopy(), join(fixtures, 'signer.crt.pem'));
  const { file, pcrs } = buildEif(
    {
      ...{ kernel: rng(300), cmdline: 'console=ttyS0', ramdisks: [rng(512), rng(1024)] },
      metadata: Buffer.from('{"ImageName":"stand-in"}'),
    },
    { by: signer, now: Date.now() },
    nodeSha384,
  );
  writeFileSync(join(at, 'dpca.eif'), file);
  const shown = shownPcrs(pcrs);
  const { validFrom, validTo } = new X509Certificate(signer.certificatePem);
  const iso = (date: string): string => new Date(date).toISOString();
  const record = { ...shown, Signer: { notBefore: iso(validFrom), notAfter: iso(validTo) } };
  writeFileSync(join(at, 'measurement.json'), `${JSON.stringify(record)}\n`);
}

describe('docs/operating.md', () => {
  it('has blocks for every place, and none of another kind', () => {
    const places = new Set(BLOCKS.map(({ where }) => where));
    expect([...places].sort()).toEqual(['alpha', 'aws', 'beta', 'both', 'exchange']);
    expect(BLOCKS.length).toBeGreaterThan(20);
    expect(PAGE.match(/^ *```\w/gm)?.length).toBe(BLOCKS.length);
  });
});

const name =
  missing.length === 0 ? 'every block' : `every block (SKIPPED: no ${missing.join(', ')})`;
describe.skipIf(missing.length > 0)(name, () => {
  beforeAll(() => {
    for (const party of ['alpha', 'beta']) {
      release(`${party}/release`, 'release');
      release(`${party}/next`, 'next');
      const rows = Array.from(
        { length: 200 },
        (_, i) => `p${i + (party === 'beta' ? 80 : 0)}@example.org`,
      );
      writeFileSync(join(folder, party, 'customers.csv'), `${rows.join('\n')}\n`);
    }
  });

  it('runs', async () => {
    let ahead: { block: Block; ended: ReturnType<typeof shell> } | undefined;
    const settled = async (): Promise<void> => {
      if (ahead === undefined) return;
      const { code, out } = await ahead.ended;
      expectDone(ahead.block, ahead.block.where, code, out);
      ahead = undefined;
    };
    for (const block of BLOCKS.filter(({ where }) => where !== 'aws')) {
      if (block.background) {
        await settled();
        ahead = { block, ended: shell(block, block.where) };
        continue;
      }
      if (block.where === 'both' || block.where === 'exchange') await settled();
      for (const where of block.where === 'both' ? ['alpha', 'beta'] : [block.where]) {
        const { code, out } = await shell(block, where);
        expectDone(block, where, code, out);
      }
    }
    await settled();
  }, 900_000);
});
