/**
 * `dpca attest show` and `dpca attest verify`: any Nitro attestation document, offline. Showing is for reading and
 * proves nothing; verifying names every check, and a refusal ends with exit code 4.
 * @module
 */
import type { Command } from 'commander';
import {
  parsePolicy,
  showAttestation,
  verifyAttestation,
  type AttestationVerdict,
  type CheckResult,
} from '../../attestation/index.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { readDocument } from '../cli/document-file.ts';
import type { Io } from '../cli/io.ts';
import { readTextFile } from '../keys/files.ts';
import { verifyP384 } from '../p384-webcrypto.ts';

const hexOrNull = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : toHex(bytes);

function show(io: Io, path: string): void {
  const fields = showAttestation(readDocument(path));
  const width = Math.max(...fields.map(({ name }) => name.length));
  io.result(
    { unverified: Object.fromEntries(fields.map(({ name, value }) => [name, value])) },
    [
      ...fields.map(({ name, value, status }) => `${status}  ${name.padEnd(width)}  ${value}`),
      'Nothing of this is proved, not even who made it. Use dpca attest verify.',
    ].join('\n'),
  );
}

function parseTime(text: string | undefined): number | 'document' {
  if (text === undefined) return Date.now();
  if (text === 'document') return 'document';
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isFinite(at)) {
    throw new DpcaError(
      'ERR_USAGE',
      `--at: expected "document" or a UTC time such as 2026-01-31T00:00:00Z, got "${text}"`,
    );
  }
  return at;
}

function checkLine(check: CheckResult): string {
  const head = (mark: string): string => `  ${mark}  ${check.id.padEnd(3)} ${check.name}`;
  switch (check.result) {
    case 'pass':
      return head('pass   ');
    case 'fail':
      return `${head('FAIL   ')}: ${check.code}, ${check.detail}`;
    case 'waived':
      return `${head('waived ')}: ${check.reason}`;
    case 'not-run':
      return `${head('not run')}: ${check.reason}`;
  }
}

function verdictText(verdict: AttestationVerdict): string {
  const at = verdict.at === null ? 'unknown' : new Date(verdict.at).toISOString();
  const anchor = verdict.anchor;
  return [
    verdict.accepted ? 'ACCEPTED' : `REFUSED: ${verdict.code}`,
    `  clock   ${at}${verdict.clock === 'document' ? " (the document's own: says nothing about freshness)" : ''}`,
    `  root    ${anchor === null ? 'not accepted' : `${anchor.partition} ${anchor.fingerprint}`}`,
    `  policy  SHA-256 ${toHex(verdict.policyHash)}`,
    ...verdict.checks.map(checkLine),
  ].join('\n');
}

function verdictJson(verdict: AttestationVerdict): object {
  const { accepted, code, at, clock, anchor, checks, claims } = verdict;
  return {
    ...{ accepted, code, clock, anchor, checks },
    at: at === null ? null : new Date(at).toISOString(),
    policySha256: toHex(verdict.policyHash),
    payloadSha256: hexOrNull(verdict.payloadSha256),
    claims:
      claims === null
        ? null
        : {
            moduleId: claims.moduleId,
            timestamp: new Date(claims.timestamp).toISOString(),
            pcrs: Object.fromEntries([...claims.pcrs].map(([index, pcr]) => [index, toHex(pcr)])),
            publicKey: hexOrNull(claims.publicKey),
            userData: hexOrNull(claims.userData),
            nonce: hexOrNull(claims.nonce),
          },
  };
}

interface VerifyFlags {
  readonly policy: string;
  readonly at?: string;
  readonly nonce?: string;
  readonly publicKey?: string;
}

function hexFlag(text: string, flag: string): Uint8Array {
  try {
    return fromHex(text.toLowerCase());
  } catch (cause) {
    throw new DpcaError('ERR_USAGE', `${flag}: expected hex digits`, { cause });
  }
}

async function verify(io: Io, path: string, given: VerifyFlags): Promise<void> {
  const policy = parsePolicy(readTextFile(given.policy));
  const { nonce, publicKey } = given;
  const verdict = await verifyAttestation(readDocument(path), policy, parseTime(given.at), {
    verifyP384,
    expected: {
      ...(nonce === undefined ? {} : { nonce: hexFlag(nonce, '--nonce') }),
      ...(publicKey === undefined ? {} : { publicKey: hexFlag(publicKey, '--public-key') }),
    },
  });
  if (!verdict.accepted) io.exit('attestation');
  io.result(verdictJson(verdict), verdictText(verdict));
}

export function registerAttest(program: Command, io: Io): void {
  const attest = program
    .command('attest')
    .description('read and verify attestation documents, offline');
  attest
    .command('show')
    .description('print what a document says, unverified')
    .argument('<document>', 'file with raw bytes, hex or base64; - for stdin')
    .action((path: string) => {
      show(io, path);
    });
  attest
    .command('verify')
    .description('verify a document under a policy; exit code 4 when it is refused')
    .argument('<document>', 'file with raw bytes, hex or base64; - for stdin')
    .requiredOption('--policy <file>', 'appraisal policy')
    .option('--at <time>', 'UTC time to judge at, or "document" for its own (default: now)')
    .option('--nonce <hex>', 'the nonce that the document must carry')
    .option('--public-key <hex>', 'the public key that the document must carry')
    .action(async (path: string, given: VerifyFlags) => {
      await verify(io, path, given);
    });
}
