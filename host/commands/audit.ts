/**
 * `dpca audit verify` (audit-verify.ts) and `dpca audit replay`: the latter recomputes the noise of a simulated run from the draws that both enclaves recorded.
 * @module
 */
import type { Command } from 'commander';
import { fixed } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { canonicalJson, type Json, type JsonObject } from '../../src/json.ts';
import { compileManifest, manifestHash, type Role } from '../../src/run/manifest.ts';
import { buildRelease } from '../../src/run/release.ts';
import {
  type Commitments,
  exactStatistics,
  openCommitments,
  parseDraws,
  replayMomentNoise,
  replayNoise,
} from '../audit/replay.ts';
import type { Io } from '../cli/io.ts';
import { readManifest } from '../config/party.ts';
import { parseObject, readPrivateFile, readTextFile } from '../keys/files.ts';
import { registerAuditReport } from './audit-report.ts';
import { registerAuditVerify } from './audit-verify.ts';

interface Flags {
  readonly manifest: string;
  readonly drawsA: string;
  readonly drawsB: string;
}

function member(value: Json | undefined, path: string, name: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new DpcaError('ERR_AUDIT_FORMAT', `${path} ${name}: expected an object`);
}

function commitmentsOf(value: Json | undefined, path: string, role: Role): Commitments {
  const given = member(value, path, `/commitments/${role}`);
  const hex = (name: string): string => {
    const text = given[name];
    if (typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)) return text;
    throw new DpcaError(
      'ERR_AUDIT_FORMAT',
      `${path} /commitments/${role}/${name}: expected 64 hex digits`,
    );
  };
  return { seed: hex('seed'), mix: hex('mix'), coins: hex('coins') };
}

/** Opened moments, as `dpca run --json` prints them. */
function momentsOf(value: Json | undefined, path: string): readonly bigint[] {
  const texts = Array.isArray(value) ? (value as readonly Json[]) : [];
  return texts.map((text, i) => {
    if (typeof text === 'string' && /^-?[0-9]{1,20}$/.test(text)) return BigInt(text);
    throw new DpcaError('ERR_AUDIT_FORMAT', `${path} /moments/${i}: expected a whole number`);
  });
}

function replay(io: Io, file: string, flags: Flags): void {
  const manifest = readManifest(flags.manifest);
  const release = parseObject(readTextFile(file), file, 'ERR_AUDIT_FORMAT');
  const { session, maskedSizes, rows } = release;
  if (release['manifest'] !== toHex(manifestHash(manifest))) {
    throw new DpcaError('ERR_AUDIT_REPLAY', `${file}: the release belongs to another manifest`);
  }
  if (typeof session !== 'string' || !/^[0-9a-f]{64}$/.test(session)) {
    throw new DpcaError('ERR_AUDIT_FORMAT', `${file} /session: expected 64 hex digits`);
  }
  const sessionId = fixed(fromHex(session), 32, 'session');
  const commitments = member(release['commitments'], file, '/commitments');
  const opened = (role: Role, draws: string) =>
    openCommitments(
      role,
      sessionId,
      commitmentsOf(commitments[role], file, role),
      parseDraws(readPrivateFile(draws), draws),
    );
  const secrets = { a: opened('a', flags.drawsA), b: opened('b', flags.drawsB) };
  const noise = replayNoise(manifest.privacy.mask, sessionId, secrets);
  const { a, b } = member(rows, file, '/rows');
  const smaller = Math.min(Number(a), Number(b));
  const sizes = Array.isArray(maskedSizes) ? (maskedSizes as readonly Json[]).map(Number) : [];
  const real = noise.map((met, j) => (sizes[j] ?? NaN) - met);
  if (sizes.length !== noise.length || !real.every((size) => size >= 0 && size <= smaller)) {
    throw new DpcaError(
      'ERR_AUDIT_REPLAY',
      `${file}: the masked sizes cannot be those of the recorded draws`,
    );
  }
  const moments = momentsOf(release['moments'], file);
  const { program } = compileManifest(manifest);
  if (moments.length !== program.moments.length) {
    throw new DpcaError(
      'ERR_AUDIT_FORMAT',
      `${file} /moments: expected ${program.moments.length} entries, got ${moments.length}`,
    );
  }
  // everything else in the release follows from manifest, sizes, moments and rows
  const announced = { a: Number(a), b: Number(b) };
  const derived = buildRelease(manifest, sessionId, announced, sizes, moments);
  const claimed = Object.fromEntries(
    Object.keys(derived).map((name) => [name, release[name] ?? null]),
  );
  if (canonicalJson(derived) !== canonicalJson(claimed)) {
    throw new DpcaError(
      'ERR_AUDIT_REPLAY',
      `${file}: the release does not follow from its masked sizes and moments`,
    );
  }
  const columns = manifest.columns.map(({ name }, j) => ({
    ...{ column: name, masked: sizes[j] ?? 0, noise: noise[j] ?? 0, exact: real[j] ?? 0 },
  }));
  const noises = replayMomentNoise(program.moments, sessionId, secrets);
  const exact = moments.map((sum, i) => sum - (noises[i] ?? 0n));
  const sums = moments.map((sum, i) => ({
    ...{ opened: String(sum), noise: String(noises[i] ?? 0n), exact: String(exact[i] ?? 0n) },
  }));
  io.result(
    { session, columns, moments: sums, statistics: exactStatistics(manifest, real, exact) },
    [
      'Every commitment opens; the noise recomputed from the recorded draws of both simulated enclaves:',
      ...columns.map(
        ({ column, masked, noise: met, exact }) =>
          `  ${column}: masked size ${masked}, dummies that met ${met}, exact size ${exact}`,
      ),
      ...sums.map(
        (sum, i) => `  sum ${i + 1}: opened ${sum.opened}, noise ${sum.noise}, exact ${sum.exact}`,
      ),
    ].join('\n'),
  );
}

export function registerAudit(program: Command, io: Io): void {
  const audit = program.command('audit').description('check what runs left behind');
  registerAuditVerify(audit, io);
  registerAuditReport(audit, io);
  audit
    .command('replay')
    .description('simulated runs only: recompute every mask draw from recorded secrets')
    .argument('<release>', 'what dpca run --json printed')
    .requiredOption('--manifest <file>', 'the manifest of the run')
    .requiredOption('--draws-a <file>', "party a's --record-draws file")
    .requiredOption('--draws-b <file>', "party b's --record-draws file")
    .action((file: string, flags: Flags) => {
      replay(io, file, flags);
    });
}
