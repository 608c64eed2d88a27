/**
 * What was checked, by the question that it answers, and how to check it again without this report.
 * @module
 */
import { CHECK_GROUPS, type CheckGroup } from './check-groups.ts';
import { GLOSSARY } from './glossary.ts';
import { EMPTY, html, Html, quoted } from './html.ts';
import { passedChecks, type ReportInput } from './input.ts';
import { number, grouped, hex, plural, dataTable } from './words.ts';

/** What a pass does not prove (docs/auditing.md). */
const LIMITS: readonly string[] = [
  'That the input was true: each party feeds its own table. The audit shows which table length was announced and that the table was committed to, not what was in it.',
  'That nothing happened outside this log: it shows the runs that were logged. The other party has a log of its own; give its bundle with --peer-bundle to compare the two.',
  'When exactly: attestation certificates live for hours, so that old documents are judged at the time that they state. The times in cosignatures of others are the independent evidence.',
  'That hardware and its maker keep their promise: whoever breaks the platform can sign documents of code that did not run.',
];

/** A command line that goes on in the next line. */
const CONTINUED = new Html(' \\\n    ');

function groupRow(group: CheckGroup, input: ReportInput): Html {
  const { checks } = input.result;
  const { passed } = passedChecks(input.result);
  const own = passed.filter(({ name }) => group.checks.includes(name));
  const count = own.reduce((sum, { count: n }) => sum + n, 0);
  const wrong = checks.filter((f) => f.class !== 'notice' && group.codes.includes(f.code)).length;
  const state =
    wrong > 0
      ? html`<span class="badge bad">no: ${plural(wrong, 'finding')}</span>`
      : count > 0
        ? html`<span class="badge ok">yes</span>`
        : html`<span class="badge">nothing to check</span>`;
  return html`<tr>
    <th scope="row" class="wide">${group.question}</th>
    <td>${state}</td>
    <td class="wide">
      ${group.why}
      <details>
        <summary class="small">${plural(count, 'check')} passed</summary>
        <ul class="small">
          ${own.map(({ name, count: n }) => html`<li>${name}: ${grouped(String(n))}</li>`)}
        </ul>
      </details>
    </td>
  </tr> `;
}

export function checksSection(input: ReportInput): Html {
  const known = new Set(CHECK_GROUPS.flatMap((group) => group.checks));
  const codes = new Set(CHECK_GROUPS.flatMap((group) => group.codes));
  const { checks } = input.result;
  const { passed, total, notMade } = passedChecks(input.result);
  const names = passed.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  const rest = checks.filter((f) => f.class !== 'notice' && !codes.has(f.code)).map((f) => f.code);
  const further: CheckGroup = {
    question: 'Further checks',
    why: 'Checks that belong to none of the questions above.',
    ...{ checks: names, codes: [...new Set(rest)] },
  };
  const groups = names.length + rest.length === 0 ? CHECK_GROUPS : [...CHECK_GROUPS, further];
  const caption = 'Questions that the audit answers';
  return html`<section aria-labelledby="checks">
    <h2 id="checks">What was checked, and why</h2>
    <p>
      ${plural(total, 'check')} passed. Each was made with the keys, roots and policy that the
      auditor brought, and with nothing but the files named below: no network, and no trust in
      either party's machines.
    </p>
    ${dataTable(
      caption,
      ['Question', 'Answer', 'How it is known'],
      html`<tbody>
        ${groups.map((group) => groupRow(group, input))}
      </tbody>`,
    )}
    ${notMade.map(({ name, count }) => html`<p class="small">${plural(count, 'check')} could not be made: ${name}.</p>`)}
    <h3>What a pass does not prove</h3>
    <ul>
      ${LIMITS.map((limit) => html`<li>${limit}</li>`)}
    </ul>
  </section>`;
}

export function againSection({ files, version }: ReportInput): Html {
  const words = files.map(({ flag, name }) => {
    const safe = /^[\w.@%+=:,/-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
    return flag === '' ? safe : `${flag} ${safe}`;
  });
  const caption = 'Files that this report was made from';
  return html`<section aria-labelledby="again">
    <h2 id="again">Check it again yourself</h2>
    <p>
      This page is a reading aid; the bundle is the evidence. With the same files,
      <code>dpca</code> ${version} gives the same verdict and this same page, on any machine and
      without a network:
    </p>
    <pre>
dpca audit verify ${words.map((word) => html`${word === words[0] ? EMPTY : CONTINUED}${word}`)}</pre>
    <p>Exit code 0 means that everything holds, 7 that something does not.</p>
    ${dataTable(
      caption,
      ['File', 'Given as', number('Bytes'), 'SHA-256'],
      html`<tbody>
        ${files.map(
          ({ flag, name, sha256, bytes }) =>
            html`<tr>
              <th scope="row">${quoted(name)}</th>
              <td>${flag === '' ? 'bundle' : html`<code>${flag}</code>`}</td>
              <td class="number">${grouped(String(bytes))}</td>
              <td>${hex(sha256)}</td>
            </tr> `,
        )}
      </tbody>`,
    )}
  </section>`;
}

export function glossarySection(): Html {
  return html`<section aria-labelledby="glossary">
    <h2 id="glossary">Glossary</h2>
    <dl class="glossary">
      ${GLOSSARY.map(
        ([term, meaning]) =>
          html`<div>
            <dt>${term}</dt>
            <dd>${meaning}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}
