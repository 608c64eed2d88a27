/**
 * The report of an audit (docs/auditing.md, "The report"): one HTML file that needs nothing else, runs no script, and is
 * the same for the same input. It is drawn from the audit's result; records give it text, which is never markup.
 * @module
 */
import { CLASS_WORDS } from './check-groups.ts';
import { budgetSection } from './budget.ts';
import { findingsSection, meaning } from './findings.ts';
import type { Html } from './html.ts';
import { EMPTY, html, page, quoted } from './html.ts';
import { identitySection, policyCaution } from './identity.ts';
import { lastTime, otherName, passedChecks, type ReportInput } from './input.ts';
import { runsSection } from './runs.ts';
import { STYLE } from './style.ts';
import { againSection, checksSection, glossarySection } from './verification.ts';
import { grouped, plural, time } from './words.ts';

const CONTENTS: readonly (readonly [id: string, title: string])[] = [
  ['verdict', 'Verdict'],
  ['findings', 'Findings'],
  ['who', 'Who and which code'],
  ['budget', 'Privacy budget'],
  ['runs', 'Runs and releases'],
  ['checks', 'Checks'],
  ['again', 'Check it again'],
  ['glossary', 'Glossary'],
];

function ownerName({ bundle, options }: ReportInput): string {
  const [open] = bundle?.records ?? [];
  const known = options.parties.find(({ log }) => log === bundle?.log);
  return known?.name ?? (open?.type === 'open' ? open.party.name : 'an unknown organisation');
}

function verdict({ bundle, result }: ReportInput): Html {
  const { checks, runs, records } = result;
  const wrong = checks.filter(({ class: kind }) => kind !== 'notice');
  const notices = checks.length - wrong.length;
  const at = new Set(wrong.map(({ record }) => record));
  if (result.verdict === 'pass') {
    return html`<section class="verdict ok" aria-labelledby="verdict">
      <h2 id="verdict">This log holds.</h2>
      <p>
        All ${plural(records, 'record')} with ${plural(runs.length, 'run')} follow from the keys,
        roots and policy that the auditor
        brought.${notices === 0 ? '' : ` ${plural(notices, 'notice')}: see the findings.`}
      </p>
    </section>`;
  }
  const good = runs.filter(({ ok }) => ok).length;
  const first = wrong.slice(0, 4).map(({ record, class: kind, code, detail }) => {
    const place = record === null ? 'the log' : `record ${record}`;
    return html`<li>
      <strong>${CLASS_WORDS[kind].name}</strong>, ${place}: ${meaning(code) ?? code}.
      <span class="soft">${quoted(detail)}</span>
    </li>`;
  });
  return html`<section class="verdict bad" aria-labelledby="verdict">
    <h2 id="verdict">This log does not hold.</h2>
    <p>
      ${plural(wrong.length, 'finding')} in
      ${at.has(null) ? 'the log as a whole and in ' : ''}${plural(at.size - Number(at.has(null)), 'record')}.
      ${bundle === null ? 'The file cannot be read as a log.' : `${good} of ${plural(runs.length, 'run')} hold by themselves.`}
      Keep all files unchanged and compare with the other party's log.
    </p>
    <ul>
      ${first}${wrong.length > 4 ? html`<li><a href="#findings">all findings</a></li>` : EMPTY}
    </ul>
  </section>`;
}

function tiles(input: ReportInput): Html {
  const { runs, records, checks } = input.result;
  const { total } = passedChecks(input.result);
  const times = runs.map((run) => run.time);
  const [first, last] = [
    times.reduce((a, b) => Math.min(a, b), Infinity),
    times.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  const peers = [...new Set(runs.map(otherName))];
  const good = runs.filter(({ ok }) => ok).length;
  const wrong = checks.filter(({ class: kind }) => kind !== 'notice').length;
  const tile = (name: string, value: string): Html =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>`;
  return html`<dl class="tiles">
    ${tile('Runs passed', `${grouped(String(good))} of ${grouped(String(runs.length))}`)}${tile('Records', grouped(String(records)))}${tile('Checks passed', grouped(String(total)))}${tile('Findings', grouped(String(wrong)))}
    ${
      runs.length === 0
        ? EMPTY
        : html`<div>
              <dt>Runs with</dt>
              <dd class="words">
                ${peers.slice(0, 5).map((name, i) => html`${i === 0 ? '' : ', '}${quoted(name)}`)}${peers.length > 5 ? ` and ${peers.length - 5} more` : ''}
              </dd>
            </div>
            <div class="two">
              <dt>First and last run</dt>
              <dd class="words">${time(first)}<br />${time(last)}</dd>
            </div>`
    }
  </dl>`;
}

/** The whole page. */
export function renderReport(input: ReportInput): string {
  const { at, bundle, options, version } = input;
  const owner = ownerName(input);
  const last = lastTime(input);
  return page({
    title: 'Audit report of a dpca log',
    style: STYLE,
    body: html`<a class="skip" href="#verdict">Skip to the verdict</a>
      <header>
        <p class="over">Audit report, differentially private matching between enclaves</p>
        <h1>Log of ${quoted(owner)}</h1>
        <p class="soft small">
          ${last === null ? EMPTY : html`State of the log: ${time(last)}. `}${at === null ? EMPTY : html`Report of ${time(at)}. `}Made
          by dpca ${version}.
        </p>
      </header>
      <nav class="contents" aria-label="Contents">
        <ul>
          ${CONTENTS.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}
        </ul>
      </nav>
      <main>
        ${verdict(input)} ${policyCaution(options)} ${tiles(input)} ${findingsSection(input)}
        ${identitySection(input)} ${budgetSection(input)} ${runsSection(input.result)}
        ${checksSection(input)} ${againSection(input)} ${glossarySection()}
      </main>
      <footer>
        <p>
          Made offline from the files named under “Check it again
          yourself”${bundle === null ? '' : html`; log <code class="hex">${bundle.origin}</code>`}.
          The same files give the same page.
        </p>
      </footer>`,
  });
}
