/**
 * Everything that is not as it should be, everything worth a look, and every run that did not come to a release. Equal
 * findings of many records are one row.
 * @module
 */
import type { AuditedRun, Finding } from '../../attestation/audit-types.ts';
import type { LogRecord } from '../../attestation/log-record.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { CLASS_WORDS } from './check-groups.ts';
import type { Html } from './html.ts';
import { EMPTY, html, quoted } from './html.ts';
import type { ReportInput } from './input.ts';
import { plural, ranges, dataTable, short, time } from './words.ts';

/** Rows of one table; a log with more different findings is read with `dpca audit verify --json`. */
const MOST_ROWS = 300;

interface Group {
  readonly finding: Finding;
  readonly records: number[];
}

/** What the closed union of codes says of one; codes of records may be any text. */
export function meaning(code: string): string | undefined {
  return Object.hasOwn(ERROR_CODES, code)
    ? (ERROR_CODES as Readonly<Record<string, readonly [string, string]>>)[code]?.[1]
    : undefined;
}

function groupsOf(findings: readonly Finding[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const finding of findings) {
    const { record, field, class: kind, code, detail } = finding;
    const key = JSON.stringify([record === null, field, kind, code, detail]);
    const group = groups.get(key) ?? { finding, records: [] };
    if (record !== null) group.records.push(record);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function where(records: readonly number[], runs: ReadonlySet<number>): Html {
  const [only] = records;
  if (only === undefined) return html`the log`;
  const text = `${records.length === 1 ? 'record' : 'records'} ${ranges(records)}`;
  return runs.has(only) ? html`<a href="#record-${only}">${text}</a>` : html`${text}`;
}

function table(caption: string, findings: readonly Finding[], runs: ReadonlySet<number>): Html {
  const groups = groupsOf(findings);
  const rows = groups.slice(0, MOST_ROWS).map(({ finding, records }) => {
    const { class: kind, code, detail, field } = finding;
    const words = meaning(code);
    const tone = kind === 'notice' ? 'warn' : 'bad';
    return html`<tr>
      <th scope="row">${where(records, runs)}</th>
      <td><span class="badge ${tone}">${CLASS_WORDS[kind].name}</span></td>
      <td class="wide">
        ${words === undefined ? EMPTY : html`${words.charAt(0).toUpperCase()}${words.slice(1)}.<br />`}<span
          class="soft"
          >${quoted(detail)}</span
        ><br /><code>${code}</code> <code class="soft">${field}</code>
      </td>
    </tr>`;
  });
  const rest = groups.length - MOST_ROWS;
  return html`${dataTable(
    caption,
    ['Where', 'Class', 'What'],
    html`<tbody>
      ${rows}
    </tbody>`,
  )}${rest > 0 ? html`<p>${plural(rest, 'further row')}: <code>dpca audit verify --json</code> lists all.</p>` : EMPTY}`;
}

/** Runs that were refused, ended early, or were charged without a release. */
function unfinished(records: readonly LogRecord[], names: ReadonlyMap<string, string>): Html {
  const rows = records.flatMap((record) => {
    if (record.type !== 'refusal' && record.type !== 'abort') return [];
    const what =
      record.type === 'refusal'
        ? html`refused by ${record.by === 'own' ? 'this side' : 'the other side'}`
        : html`ended in phase ${quoted(record.phase)}`;
    const cost =
      record.type === 'abort' && record.charged !== null
        ? html`slot ${record.charged.slot} of ledger ${short(record.charged.lineage)}`
        : html`nothing`;
    const words = meaning(record.code);
    const name = names.get(record.peer);
    return [
      html`<tr>
        <th scope="row">record ${record.seq}</th>
        <td>${time(record.time)}</td>
        <td>${name === undefined ? html`unknown: ${short(record.peer)}` : quoted(name)}</td>
        <td class="wide">
          ${what}: ${words === undefined ? EMPTY : html`${words} `}<code>${record.code}</code>
        </td>
        <td>${cost}</td>
      </tr>`,
    ];
  });
  if (rows.length === 0) return html`<p>No run in this log was refused or ended early.</p>`;
  const caption = 'Refusals and runs that ended without a release';
  return dataTable(
    caption,
    ['Where', 'When', 'With', 'What', 'Spent'],
    html`<tbody>
      ${rows}
    </tbody>`,
  );
}

export function findingsSection({ bundle, result, options }: ReportInput): Html {
  const { checks, runs } = result;
  const wrong = checks.filter(({ class: kind }) => kind !== 'notice');
  // refusals and aborts have their own table
  const ends = new Set(
    (bundle?.records ?? []).flatMap(({ type, seq }) =>
      type === 'refusal' || type === 'abort' ? [seq] : [],
    ),
  );
  const notices = checks.filter(
    ({ class: kind, record }) => kind === 'notice' && !(record !== null && ends.has(record)),
  );
  const known: ReadonlySet<number> = new Set(runs.map(({ record }: AuditedRun) => record));
  const names = new Map(options.parties.map(({ identity, name }) => [identity, name]));
  const classes = [...new Set(wrong.map((finding) => finding.class))];
  return html`<section aria-labelledby="findings">
    <h2 id="findings">Findings</h2>
    <h3>What does not hold</h3>
    ${
      wrong.length === 0
        ? html`<p>Nothing: every check that could be made was passed.</p>`
        : html`<ul>
              ${classes.map((kind) => html`<li><strong>${CLASS_WORDS[kind].name}.</strong> ${CLASS_WORDS[kind].advice}</li>`)}
            </ul>
            ${table('Findings that fail the audit', wrong, known)}`
    }
    <h3>Worth a look</h3>
    ${notices.length === 0 ? html`<p>Nothing.</p>` : table('Notices; they do not fail the audit', notices, known)}
    <h3>Refusals and early ends</h3>
    ${unfinished(bundle?.records ?? [], names)}
  </section>`;
}
