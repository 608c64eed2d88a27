/**
 * What people and logs see of a run: the enclave's events as progress and log records, and the release as text.
 * @module
 */
import { parsePolicy } from '../../attestation/index.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import type { Io } from '../cli/io.ts';
import type { Party } from '../config/party.ts';
import type { IngestedTable } from '../ingest/table.ts';
import { readTable } from '../ingest/read-table.ts';
import { readTextFile } from '../keys/files.ts';
import { columnSources } from '../config/party.ts';

const PHASES: Readonly<Record<string, string>> = {
  handshake: 'attesting both enclaves',
  manifest: 'comparing manifests',
  table: 'announcing tables',
  charge: 'charging both ledgers',
  commit: 'committing to the mask',
  reveal: 'agreeing on the dummies',
  sizes: 'comparing masked sizes',
  release: 'comparing releases',
  bye: 'saying goodbye',
};

function textOf(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '?';
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

/** Reads and checks the whole own table before anything is sent (README.md, "Input"). */
export async function readOwnTable(
  io: Io,
  { config, manifest, own }: Party,
): Promise<IngestedTable> {
  parsePolicy(readTextFile(config.policy)); // a typo in it must not cost the peer a call
  const progress = io.progress();
  progress.phase('reading and checking the own table');
  const { path, format, header, delimiter } = config.data;
  const table = await readTable(
    { path, format, header, ...(delimiter === undefined ? {} : { delimiter }) },
    columnSources(config, manifest),
    { defaultCountry: manifest.normalisation.defaultCountry, rowsMax: own.rowsMax },
  );
  progress.done();
  return table;
}

/** Turns the events of an enclave into progress and log records. */
export function eventSink(io: Io): (event: JsonObject) => void {
  const progress = io.progress();
  let step = '';
  let shown = 0;
  return (event) => {
    switch (event['event']) {
      case 'phase': {
        const phase = textOf(event['phase']);
        const name = PHASES[phase];
        if (name !== undefined) progress.phase(name);
        if (phase === 'done') progress.done();
        return;
      }
      case 'progress': {
        const { step: kind, column, done, total } = event;
        const name = `column ${textOf(column)}: ${kind === 'hash' ? 'hashing identifiers' : 'multiplying points'}`;
        const count = Number(done);
        if (name !== step || count < shown) {
          step = name;
          shown = 0;
          progress.phase(name, Number(total));
        }
        progress.advance(count - shown);
        shown = count;
        return;
      }
      case 'verdict': {
        const pcrs = objectOf(event['pcrs']);
        const anchor = objectOf(event['anchor']);
        const checks = Array.isArray(event['checks']) ? (event['checks'] as readonly Json[]) : [];
        const refused = checks
          .map(objectOf)
          .filter((check) => check['result'] === 'fail')
          .map((check) => textOf(check['code']));
        io.log.info(
          {
            accepted: event['accepted'],
            moduleId: event['moduleId'],
            root: `${textOf(anchor['partition'])}:${textOf(anchor['fingerprint'])}`,
            pcr0: pcrs['0'] ?? null,
            checks: checks.length,
            ...(refused.length === 0 ? {} : { refused }),
          },
          event['accepted'] === true ? 'the peer is attested' : 'the peer is refused',
        );
        return;
      }
      case 'accepted':
        io.log.info({ session: event['session'] }, 'both enclaves accepted each other');
        return;
      case 'charged': {
        const { lineage, slot, spent, slots } = event;
        io.log.info({ lineage, slot, spent, slots }, 'a slot of the own ledger is spent');
        return;
      }
      case 'failed':
        progress.done();
        return;
      default: // `release` and `done` are for the command
        return;
    }
  };
}

function intervalText(statistic: JsonObject): string {
  const { low, high } = objectOf(statistic['interval']);
  const sd = textOf(statistic['standardDeviation']);
  return `${textOf(statistic['value'])}  (95 %: ${textOf(low)} to ${textOf(high)}; noise sd ${sd})`;
}

/** The release for people. */
export function releaseText(release: JsonObject): string {
  const statistics = Array.isArray(release['statistics'])
    ? (release['statistics'] as readonly Json[]).map(objectOf)
    : [];
  const [count] = statistics;
  if (count === undefined) throw new DpcaError('ERR_INTERNAL', 'a release without statistics');
  const columns = Array.isArray(count['columns'])
    ? (count['columns'] as readonly Json[]).map(objectOf)
    : [];
  const sizes = Array.isArray(release['maskedSizes'])
    ? (release['maskedSizes'] as readonly Json[])
    : [];
  const privacy = objectOf(release['privacy']);
  const rows = objectOf(release['rows']);
  const claims = objectOf(release['claims']);
  const ledger = objectOf(claims['ledger']);
  const width = Math.max(12, ...columns.map((column) => textOf(column['column']).length));
  return [
    `rows in common  ${intervalText(count)}`,
    ...columns.map(
      (column, j) =>
        `  by ${textOf(column['column']).padEnd(width)} ${intervalText(column)}; masked size ${textOf(sizes[j])}`,
    ),
    `privacy         epsilon ${textOf(privacy['epsilon'])}, delta ${textOf(privacy['delta'])} over ${textOf(privacy['runs'])} runs, adjacency ${textOf(privacy['adjacency'])}`,
    `                epsilon ${textOf(claims['replaceEpsilon'])} if a row is replaced by any other`,
    `own ledger      ${textOf(ledger['slotsSpent'])} runs spent, ${textOf(ledger['slotsLeft'])} left; registered for epsilon ${textOf(ledger['epsilon'])}, delta ${textOf(ledger['delta'])}`,
    `tables          ${textOf(rows['a'])} and ${textOf(rows['b'])} rows\nsession         ${textOf(release['session'])}`,
  ].join('\n');
}
