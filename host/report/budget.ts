/**
 * What runs cost: the claim that the parties agreed on, and for every ledger what was spent and what is left.
 * @module
 */
import { burnDown } from './charts.ts';
import type { Html } from './html.ts';
import { EMPTY, html, quoted } from './html.ts';
import type { ReportInput } from './input.ts';
import { type LedgerView, ledgersOf } from './ledgers.ts';
import { number, plural, dataTable, short, time } from './words.ts';

/** Rows of the table beside a chart. */
const MOST_ROWS = 40;

function legend(ledger: LedgerView): Html {
  const mark = (kind: string, text: string): Html =>
    html`<li>
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" focusable="false">
        <path class="dot ${kind}" d="M5 5h0" /></svg
      >${text}
    </li>`;
  const { spends } = ledger;
  return html`<ul class="legend">
    ${mark('', 'a run of this log')}${
      spends.some(({ elsewhere }) => elsewhere > 0)
        ? mark('gap', 'slots before it were spent on runs that are not in this log')
        : EMPTY
    }${spends.some(({ kind }) => kind === 'abort') ? mark('lost', 'charged, but ended without a release') : EMPTY}
  </ul>`;
}

/** The chart's numbers; neighbouring spends are put together when there are many. */
function numbers({ spends, owner }: LedgerView): Html {
  const size = Math.ceil(spends.length / MOST_ROWS);
  const chunks = Array.from({ length: Math.ceil(spends.length / size) }, (_, i) =>
    spends.slice(i * size, (i + 1) * size),
  );
  const rows = chunks.flatMap((chunk) => {
    const [first, last] = [chunk[0], chunk.at(-1)];
    if (first === undefined || last === undefined) return [];
    const elsewhere = chunk.reduce((sum, spend) => sum + spend.elsewhere, 0);
    const aborts = chunk.filter(({ kind }) => kind === 'abort').length;
    const slots = first === last ? `${first.slot}` : `${first.slot} to ${last.slot}`;
    return [
      html`<tr>
        <th scope="row">${slots}</th>
        <td>${time(first.time)}${first === last ? EMPTY : html` to ${time(last.time)}`}</td>
        <td class="number">${chunk.length - aborts}</td>
        <td class="number">${aborts}</td>
        <td class="number">${elsewhere}</td>
        <td class="number">${last.of - last.slot}</td>
      </tr>`,
    ];
  });
  const caption = `Slots of the ledger of ${owner}`;
  return html`<details>
    <summary class="small">The chart as a table</summary>
    ${dataTable(
      caption,
      [
        'Slots',
        'When',
        number('Runs here'),
        number('Without release'),
        number('Elsewhere'),
        number('Left after'),
      ],
      html`<tbody>
        ${rows}
      </tbody>`,
    )}
  </details>`;
}

function panel(ledger: LedgerView): Html {
  const { lineage, owner, of, left, spends } = ledger;
  const elsewhere = spends.reduce((sum, spend) => sum + spend.elsewhere, 0);
  return html`<figure>
    <figcaption>
      Rows of ${quoted(owner)}: ${left} of ${plural(of, 'slot')} left<span class="soft"
        >Ledger ${short(lineage)}; slots left over
        time${elsewhere === 0 ? '' : `; ${elsewhere} were spent on runs that are not in this log`}</span
      >
    </figcaption>
    ${burnDown(ledger)} ${legend(ledger)} ${numbers(ledger)}
  </figure>`;
}

export function budgetSection({ bundle, result }: ReportInput): Html {
  const ledgers = bundle === null ? [] : ledgersOf(bundle, result.runs);
  const claims = new Map(
    result.runs.flatMap(({ manifest }) => {
      if (manifest === null) return [];
      const { epsilon, delta, runs } = manifest.privacy;
      return [[`${epsilon} ${delta} ${runs}`, manifest.privacy] as const];
    }),
  );
  return html`<section aria-labelledby="budget">
    <h2 id="budget">Privacy budget</h2>
    <p>
      Every run spends one slot of each party's ledger before any data moves. The claim is for all
      agreed runs together, whether they are used or not.
    </p>
    <ul>
      ${[...claims.values()].map(
        ({ epsilon, delta, runs }) =>
          html`<li>
            epsilon <strong>${epsilon}</strong> and delta <strong>${delta}</strong> for
            ${plural(runs, 'run')} together, per row, when a row is replaced by one that matches
            nothing
          </li>`,
      )}
    </ul>
    ${ledgers.length === 0 ? html`<p>This log shows no charge that the audit accepts.</p>` : ledgers.map(panel)}
  </section>`;
}
