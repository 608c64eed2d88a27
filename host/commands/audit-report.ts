/**
 * `dpca audit report`: audits a bundle as `dpca audit verify` does and writes the result as one HTML page
 * (docs/auditing.md, "The report"). Exit 0 or 7, and the page is written in both cases.
 * @module
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { auditBundle } from '../../attestation/audit.ts';
import { type Bundle, BundleFault, readBundle } from '../../attestation/bundle.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { projectVersion } from '../cli/root.ts';
import type { GivenFile } from '../report/input.ts';
import { renderReport } from '../report/report.ts';
import { addAuditOptions, type AuditFlags, auditOptions } from './audit-verify.ts';
import { readFileBytes } from './log.ts';

type Flags = AuditFlags & { readonly out: string; readonly at?: number };

/** `2027-03-01` or `2027-03-01T12:00:00Z`, to milliseconds since 1970. */
function instantOf(text: string): number {
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/;
  const at = form.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at)) {
    throw new InvalidArgumentError('Expected a day or a UTC time, as 2027-03-01T12:00:00Z.');
  }
  return at;
}

function given(flag: GivenFile['flag'], path: string): GivenFile {
  const bytes = readFileBytes(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { flag, name: basename(path), sha256, bytes: bytes.length };
}

/** A file that is no bundle is reported on too. */
function bundleOf(bytes: Uint8Array): Bundle | null {
  try {
    return readBundle(bytes);
  } catch (error) {
    if (error instanceof BundleFault) return null;
    throw error;
  }
}

async function report(io: Io, file: string, flags: Flags): Promise<void> {
  const bytes = readFileBytes(file);
  const bundle = bundleOf(bytes);
  const options = auditOptions(flags);
  const result = await auditBundle(bundle ?? bytes, options);
  const { peerBundle } = flags;
  const page = renderReport({
    ...{ bundle, result, options, at: flags.at ?? null, version: projectVersion() },
    files: [
      given('', file),
      ...flags.root.map((path) => given('--root', path)),
      given('--policy', flags.policy),
      ...flags.party.map((path) => given('--party', path)),
      ...(flags.witness ?? []).map((path) => given('--witness', path)),
      ...(flags.against ?? []).map((path) => given('--against', path)),
      ...(peerBundle === undefined ? [] : [given('--peer-bundle', peerBundle)]),
    ],
  });
  try {
    writeFileSync(flags.out, page, { flag: 'wx' });
  } catch (cause) {
    const problem = `${flags.out}: cannot be created, or exists`;
    throw new DpcaError('ERR_CONFIG_EXISTS', problem, { cause });
  }
  const wrong = result.checks.filter(({ class: kind }) => kind !== 'notice').length;
  const { verdict, records, runs } = result;
  io.result(
    { report: flags.out, verdict, records, runs: runs.length, findings: wrong },
    `${flags.out}: ${verdict === 'pass' ? 'PASS' : `FAIL, ${wrong} findings`}; ${records} records, ${runs.length} runs`,
  );
  if (verdict === 'fail') io.exit('audit');
}

export function registerAuditReport(audit: Command, io: Io): void {
  addAuditOptions(
    audit
      .command('report')
      .description("check a log's bundle offline and write what was found as one HTML page")
      .argument('<bundle>', 'what dpca log export wrote')
      .requiredOption('--out <file>', 'the page; nothing is overwritten')
      .option('--at <time>', 'date of the report, to be printed in it', instantOf),
  ).action((file: string, flags: Flags) => report(io, file, flags));
}
