/**
 * `dpca audit verify`: an offline audit of a log's bundle. It takes keys, roots and policy from whoever runs it and
 * nothing from the bundle (docs/auditing.md section 5). Exit 0 or 7; 2 for arguments that cannot be used.
 * @module
 */
import type { Command } from 'commander';
import { auditBundle } from '../../attestation/audit.ts';
import type { AuditOptions, AuditResult, KnownParty } from '../../attestation/audit-types.ts';
import { type Bundle, readBundle } from '../../attestation/bundle.ts';
import { cosignerName } from '../../attestation/ledger-session.ts';
import { parsePolicy } from '../../attestation/policy.ts';
import { pemToDer, rootFingerprint } from '../../attestation/root.ts';
import { fromHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { collect } from '../cli/program.ts';
import type { Io } from '../cli/io.ts';
import { parseObject, readTextFile } from '../keys/files.ts';
import { readPeer } from '../keys/peers.ts';
import { verifyEd25519 } from '../ed25519-node.ts';
import { verifyP384 } from '../p384-webcrypto.ts';
import { isoInstant } from '../cli/instant.ts';
import { readFileBytes } from './log.ts';

export interface AuditFlags {
  readonly root: readonly string[];
  readonly policy: string;
  readonly party: readonly string[];
  readonly witness?: readonly string[];
  readonly against?: readonly string[];
  readonly peerBundle?: string;
}

/** A root as PEM, or the certificate in a peer file or a simulated root's file. */
function rootOf(path: string): string {
  const text = readTextFile(path);
  if (text.startsWith('-----BEGIN')) return rootFingerprint(pemToDer(text));
  const given = parseObject(text, path, 'ERR_CONFIG');
  const holder = (given['simulatedRoot'] ?? given) as typeof given;
  const { certificate } = holder;
  if (typeof certificate === 'string' && /^([0-9a-f]{2})+$/.test(certificate)) {
    return rootFingerprint(fromHex(certificate));
  }
  throw new DpcaError('ERR_CONFIG', `${path}: expected a PEM certificate, or a file with one`);
}

function isBundle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b; // a note begins with its origin, a bundle with {
}

/** What an audit is run with, read from files (ERR_CONFIG_*, ERR_KEY_FORMAT, POLICY_*). */
export function auditOptions(flags: AuditFlags): AuditOptions {
  const parties: KnownParty[] = flags.party.map((path) => readPeer(path));
  const against = (flags.against ?? []).map((path): Uint8Array | Bundle => {
    const bytes = readFileBytes(path);
    return isBundle(bytes) ? readBundle(bytes) : bytes;
  });
  const witnesses = (flags.witness ?? []).map((path) => {
    const { log } = readPeer(path);
    return { name: cosignerName(log), publicKey: fromHex(log) };
  });
  const { peerBundle } = flags;
  return {
    ...{ parties, against, witnesses, verifyP384, verifyEd25519 },
    roots: flags.root.map(rootOf),
    policy: parsePolicy(readTextFile(flags.policy)),
    ...(peerBundle === undefined ? {} : { peer: readBundle(readFileBytes(peerBundle)) }),
  };
}

function table(result: AuditResult): string[] {
  const { runs, checks, passed } = result;
  const day = (ms: number): string => isoInstant(ms).replace('.000Z', 'Z');
  const other = ({ own, sides }: AuditResult['runs'][number]): string =>
    own === null ? '?' : sides[own === 'a' ? 'b' : 'a'].name;
  const width = Math.max(0, ...passed.map(({ name }) => name.length));
  const wrong = checks.filter(({ class: kind }) => kind !== 'notice');
  const notices = checks.filter(({ class: kind }) => kind === 'notice');
  const line = ({
    record,
    field,
    class: kind,
    code,
    detail,
  }: AuditResult['checks'][number]): string =>
    `  ${record === null ? 'log' : `record ${record}`}  ${field}  ${kind} ${code}\n      ${detail}`;
  return [
    `log       ${result.origin}`,
    `records   ${result.records}, of which ${runs.length} runs`,
    '',
    ...runs.map(
      (run) =>
        `  ${String(run.record).padStart(5)}  ${run.ok ? 'ok  ' : 'FAIL'}  ${day(run.time)}  with "${other(run)}"  receipt ${run.receipt.slice(0, 16)}${run.release === null ? '  (no release)' : ''}`,
    ),
    ...(runs.length === 0 ? [] : ['']),
    ...passed.map(({ name, count }) => `  ${name.padEnd(width)}  ${String(count).padStart(6)}`),
    ...(notices.length === 0 ? [] : ['', 'Worth a look:', ...notices.map(line)]),
    ...(wrong.length === 0 ? [] : ['', 'Does not hold:', ...wrong.map(line)]),
    '',
    result.verdict === 'pass'
      ? 'PASS: everything in this log follows from the keys, roots and policy given.'
      : `FAIL: ${wrong.length} findings. Keep the files unchanged.`,
  ];
}

async function verify(io: Io, file: string, flags: AuditFlags): Promise<void> {
  const result = await auditBundle(readFileBytes(file), auditOptions(flags));
  io.result(result, table(result).join('\n'));
  if (result.verdict === 'fail') io.exit('audit');
}

/** The options that say whom and what the auditor trusts; shared with the report. */
export function addAuditOptions(command: Command): Command {
  return command
    .requiredOption('--root <file>', 'accepted root certificate, PEM (repeat for more)', collect)
    .requiredOption('--policy <file>', 'reference values for every document, at its own time')
    .requiredOption(
      '--party <file>',
      "an organisation's public keys, as exported (repeat)",
      collect,
    )
    .option('--witness <file>', 'a third witness that must have cosigned (repeat)', collect)
    .option('--against <file>', 'older checkpoint or bundle of the same log (repeat)', collect)
    .option('--peer-bundle <file>', "the other party's bundle");
}

export function registerAuditVerify(audit: Command, io: Io): void {
  addAuditOptions(
    audit
      .command('verify')
      .description("check a log's bundle offline, with nothing but the files named here")
      .argument('<bundle>', 'what dpca log export wrote'),
  ).action((file: string, flags: AuditFlags) => verify(io, file, flags));
}
