/**
 * What people and logs see of a run: the enclave's events as progress and log records.
 * @module
 */
import { parsePolicy } from '../../attestation/index.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import type { Io } from '../cli/io.ts';
import type { Party } from '../config/party.ts';
import type { IngestedTable } from '../ingest/table.ts';
import { readTable } from '../ingest/read-table.ts';
import { inputReport } from '../ingest/report.ts';
import { readTextFile } from '../keys/files.ts';
import { columnSources, valueSources } from '../config/party.ts';

/** What each phase of a run is called. */
export const PHASES: Readonly<Record<string, string>> = {
  handshake: 'attesting both enclaves',
  manifest: 'comparing manifests',
  table: 'announcing tables',
  account: 'showing both logs',
  charge: 'charging both ledgers',
  commit: 'committing to the mask',
  reveal: 'agreeing on the dummies',
  sizes: 'comparing masked sizes',
  values: 'computing on shares of the matched rows',
  release: 'comparing releases',
  receipt: 'signing and logging the receipt',
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
  const { path, format, header, delimiter, onDuplicate = 'refuse' } = config.data;
  const values = valueSources(config, manifest);
  const table = await readTable(
    { path, format, header, ...(delimiter === undefined ? {} : { delimiter }) },
    columnSources(config, manifest),
    {
      ...{ values, onDuplicate, rowsMax: own.rowsMax },
      defaultCountry: manifest.normalisation.defaultCountry,
    },
    io.stdin,
  );
  progress.done();
  io.log.info(inputReport(table, values), 'the own table is read and checked');
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
      case 'release':
        io.log.info({ receipt: event['receipt'] }, 'the receipt is in both logs');
        return;
      case 'unlogged':
        io.log.error({ problem: event['problem'] }, 'an end of a run could not be logged');
        return;
      case 'failed':
        progress.done();
        return;
      default: // `done` is for the command
        return;
    }
  };
}
