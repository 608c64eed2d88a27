/**
 * The live page: what {@link LiveState} knows, for people. Its one script asks for the page again each second; without
 * scripts there is a link to do so.
 * @module
 */
import { fromHex } from '../../src/encoding.ts';
import type { Manifest, ManifestParty } from '../../src/run/manifest.ts';
import { keyFingerprint } from '../keys/peers.ts';
import { figuresOf } from '../report/figures.ts';
import type { Html } from '../report/html.ts';
import { EMPTY, html, page, quoted } from '../report/html.ts';
import { figureTable } from '../report/release-table.ts';
import { STYLE } from '../report/style.ts';
import { facts, grouped, hex, plural, short, time } from '../report/words.ts';
import type { LiveRun, Step } from './state.ts';

export interface LiveParties {
  readonly manifest: Manifest;
  readonly own: ManifestParty;
  readonly other: ManifestParty;
}

/** Replaces main by that of the page as it is now; says so when the host has ended. */
export const SCRIPT = `
const tick = async () => {
  try {
    const answer = await fetch(location.href, { cache: 'no-store' });
    if (!answer.ok) throw new Error();
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const open = [...document.querySelectorAll('details')].map((d) => d.open);
    const main = next.querySelector('main');
    document.querySelector('main').replaceWith(main);
    document.querySelectorAll('details').forEach((d, i) => { d.open = open[i] === true; });
    if (main.dataset.last === undefined) {
      setTimeout(tick, 1000);
      return;
    }
  } catch { /* the host has ended before it could say so */ }
  document.getElementById('link').textContent = 'The host has ended; this is the last that was shown.';
};
setTimeout(tick, 1000);
`;

const VERDICTS: Readonly<Record<LiveRun['state'], readonly [string, string]>> = {
  waiting: ['Waiting for the peer', ''],
  running: ['The run is going on', ''],
  released: ['The run is over: released', 'ok'],
  failed: ['The run has failed', 'bad'],
};

function seconds(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  return s < 90 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

function progress({ name, total, done, startedMs }: Readonly<Step>, nowMs: number): Html {
  if (total === null || total === 0) return html`<p>${name}, ${seconds(nowMs - startedMs)}</p>`;
  const share = Math.min(1, done / total);
  const rate = (1000 * done) / Math.max(1, nowMs - startedMs);
  const left = rate > 0 ? seconds((1000 * (total - done)) / rate) : 'unknown';
  const numbers = `${grouped(String(done))} of ${grouped(String(total))} (${Math.floor(100 * share)} %), ${grouped(String(Math.round(rate)))} per second, ${left} left`;
  return html`<p>${name}: ${numbers}</p>
    <progress class="progress" max="${total}" value="${Math.min(done, total)}" aria-label="${name}">
      ${Math.floor(100 * share)} %
    </progress>`;
}

function status(run: LiveRun, nowMs: number): Html {
  const [words, tone] = VERDICTS[run.state];
  const step = run.steps.at(-1);
  const { failure, receipt } = run;
  return html`<section class="verdict ${tone}" aria-labelledby="state">
    <h2 id="state">${words}</h2>
    ${run.state === 'running' && step !== undefined ? progress(step, nowMs) : EMPTY}
    ${failure === null ? EMPTY : html`<p>${quoted(failure.message)} <code>${failure.code}</code></p>`}
    ${receipt === null ? EMPTY : html`<p>Receipt ${hex(receipt)}</p>`}
  </section>`;
}

function peer({ verdict, session }: LiveRun, { other }: LiveParties): Html {
  const state =
    verdict === null
      ? html`<span class="badge">not attested yet</span>`
      : verdict.accepted
        ? html`<span class="badge ok">attested</span>`
        : html`<span class="badge bad">refused: ${verdict.refused.join(', ')}</span>`;
  return html`<section aria-labelledby="peer">
    <h2 id="peer">Peer: ${quoted(other.name)}</h2>
    <p>
      ${state}${session === null ? EMPTY : html` <span class="badge ok">identity verified</span>`}
    </p>
    ${facts([
      [
        'Identity key',
        html`${keyFingerprint(fromHex(other.identity))}<br />${hex(other.identity)}`,
      ],
      ['Session', session === null ? null : hex(session)],
      ['Enclave', verdict === null ? null : quoted(verdict.moduleId)],
      ['Root', verdict === null ? null : hex(verdict.root)],
      ...(verdict?.pcrs ?? []).map(([index, value]) => [`PCR${index}`, hex(value)] as const),
    ])}
  </section>`;
}

function budget({ charge }: LiveRun, { manifest, own }: LiveParties): Html {
  const { epsilon, delta, runs } = manifest.privacy;
  return html`<section aria-labelledby="budget">
    <h2 id="budget">Budget</h2>
    ${facts([
      ['Claim', `epsilon ${epsilon}, delta ${delta} for ${plural(runs, 'run')} together`],
      [
        'Own ledger',
        charge === null
          ? `nothing is charged to ${own.name} in this run yet`
          : html`slot ${charge.slot} spent; ${charge.spent} of ${plural(charge.slots, 'slot')}
            spent, ${charge.slots - charge.spent} left, ledger ${short(charge.lineage)}`,
      ],
    ])}
  </section>`;
}

function steps({ steps: all }: LiveRun, nowMs: number): Html {
  return html`<section aria-labelledby="steps">
    <h2 id="steps">Steps</h2>
    ${
      all.length === 0
        ? html`<p>None yet.</p>`
        : html`<ol>
            ${all.map(
              ({ name, startedMs, endedMs, total }) =>
                html`<li>
                  ${name}${total === null ? '' : `, ${grouped(String(total))}`}
                  <span class="soft"
                    >${seconds((endedMs ?? nowMs) - startedMs)}${endedMs === null ? ' so far' : ''}</span
                  >
                </li>`,
            )}
          </ol>`
    }
  </section>`;
}

function release({ release: given }: LiveRun, { manifest }: LiveParties): Html {
  if (given === null) return EMPTY;
  const caption = 'Release';
  return html`<section aria-labelledby="release">
    <h2 id="release">${caption}</h2>
    ${
      given['withheld'] === true
        ? html`<p>By the agreement, the release goes to the other party only.</p>`
        : figureTable('Figures of this run', figuresOf(manifest, given), manifest)
    }
  </section>`;
}

/** The page as of `nowMs`; renews itself until the host ends, which the `last` one says. */
export function renderLive(
  run: LiveRun,
  parties: LiveParties,
  nowMs: number,
  last = false,
): string {
  const { manifest, own } = parties;
  const isOver = run.state === 'released' || run.state === 'failed';
  return page({
    title: 'dpca: live run',
    style: STYLE,
    script: SCRIPT,
    body: html`<a class="skip" href="#state">Skip to the state</a>
      <header>
        <p class="over">Live run of ${quoted(own.name)}, read-only, this machine only</p>
        <h1>${quoted(manifest.purpose)}</h1>
        <p class="soft small" id="link" role="status">Shown as it happens.</p>
        ${
          isOver
            ? EMPTY
            : html`<noscript
                ><p><a href="">Show the run as it is now</a></p></noscript
              >`
        }
      </header>
      <main${last ? html` data-last=""` : EMPTY}>
        ${status(run, nowMs)}
        <p class="soft small">
          Started ${time(run.startedMs)}, ${seconds((run.endedMs ?? nowMs) - run.startedMs)}
        </p>
        ${[release(run, parties), peer(run, parties), budget(run, parties), steps(run, nowMs)]}
      </main>`,
  });
}
