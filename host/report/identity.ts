/**
 * Who took part, which code ran, and who accepted it under which policy.
 * @module
 */
import { loggedPolicies } from '../../attestation/audit.ts';
import { sessionRole } from '../../attestation/receipt.ts';
import { type AppraisalPolicy, policyHash } from '../../attestation/policy.ts';
import { explainPolicy } from '../../attestation/policy-explain.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { keyFingerprint } from '../keys/peers.ts';
import type { Html } from './html.ts';
import { EMPTY, html, quoted } from './html.ts';
import type { ReportInput } from './input.ts';
import { facts, hex, plural, short, time } from './words.ts';

interface Code {
  readonly party: string;
  readonly pcr0: string;
  readonly builds: Set<string>;
  readonly kernels: Set<string>;
  readonly modules: Set<string>;
  /** By the name of who accepted it: hashes of the policies under which. */
  readonly acceptedBy: Map<string, Set<string>>;
  runs: number;
  first: number;
  last: number;
}

/** Measurements that ran, per party, from runs whose evidence was accepted. */
function codeOf({ bundle, result }: ReportInput): readonly Code[] {
  const found = new Map<string, Code>();
  for (const run of result.runs) {
    for (const role of ['a', 'b'] as const) {
      const { name, pcr0, build, kernel, moduleId, attestedAt } = run.sides[role];
      if (pcr0 === null) continue;
      const at = attestedAt ?? run.time;
      const key = JSON.stringify([name, pcr0]);
      const code: Code = found.get(key) ?? {
        ...{ party: name, pcr0, runs: 0, first: at, last: at, acceptedBy: new Map() },
        ...{ builds: new Set(), kernels: new Set(), modules: new Set() },
      };
      code.runs += 1;
      code.first = Math.min(code.first, at);
      code.last = Math.max(code.last, at);
      code.builds.add(build);
      code.kernels.add(kernel);
      if (moduleId !== null) code.modules.add(moduleId);
      const record = bundle?.records[run.record];
      if (record?.type === 'run') {
        const other = role === 'a' ? 'b' : 'a';
        const by = run.sides[other].name;
        const hash = record.receipt.handshake.policyHashes[sessionRole(record.receipt, other)];
        code.acceptedBy.set(by, (code.acceptedBy.get(by) ?? new Set()).add(hash));
      }
      found.set(key, code);
    }
  }
  return [...found.values()];
}

/** PCR1 and on, as the auditor's policy demands them beside this PCR0. */
function otherPcrs(policy: AppraisalPolicy, pcr0: string): readonly (readonly [string, Html])[] {
  const same = policy.measurements.find(
    ({ pcrs }) => toHex(pcrs.get(0) ?? new Uint8Array()) === pcr0,
  );
  if (same === undefined) return [];
  return [...same.pcrs].flatMap(([index, value]) =>
    index === 0 ? [] : [[`PCR${index}`, hex(toHex(value))] as const],
  );
}

function listed(values: Iterable<string>): Html {
  const all = [...values];
  const shown = all.slice(0, 5).map((value, i) => html`${i === 0 ? '' : ', '}${quoted(value)}`);
  return html`${shown}${all.length > 5 ? ` and ${all.length - 5} more` : ''}`;
}

function codeCard(code: Code, policy: AppraisalPolicy): Html {
  const accepted = [...code.acceptedBy].map(
    ([by, hashes]) =>
      html`${quoted(by)} under
        ${[...hashes].slice(0, 3).map((hash, i) => html`${i === 0 ? '' : ', '}<a href="#policy-${hash}">${short(hash)}</a>`)}<br />`,
  );
  return html`<div class="card">
    <h4>Enclave of ${quoted(code.party)}</h4>
    <p class="small soft">
      ${plural(code.runs, 'run')},
      ${time(code.first)}${code.first === code.last ? EMPTY : html` to ${time(code.last)}`}
    </p>
    ${facts([
      ['PCR0', hex(code.pcr0)],
      ...otherPcrs(policy, code.pcr0),
      ['Software', listed(code.builds)],
      ['Arithmetic', listed(code.kernels)],
      ['Instances', html`${code.modules.size}: ${listed(code.modules)}`],
      ['Accepted by', html`${accepted}the auditor, again, for this report`],
    ])}
  </div>`;
}

function organisations({ bundle, result, options }: ReportInput): Html {
  const seen = new Set(result.runs.flatMap(({ sides }) => [sides.a.identity, sides.b.identity]));
  return html`<div class="cards">
    ${options.parties.map(({ name, identity, log }) => {
      const isOwner = bundle?.log === log;
      return html`<div class="card">
        <h4>${quoted(name)}</h4>
        <p class="small soft">
          ${isOwner ? 'Owner of this log' : seen.has(identity) ? 'Took part; cosigns this log' : 'Known to the auditor; took part in no run'}
        </p>
        ${facts([
          ['Identity key', html`${keyFingerprint(fromHex(identity))}<br />${hex(identity)}`],
          ['Log key', html`${keyFingerprint(fromHex(log))}<br />${hex(log)}`],
        ])}
      </div>`;
    })}
  </div>`;
}

const MODES: Readonly<Record<AppraisalPolicy['mode'], string>> = {
  production: 'production: real hardware only',
  simulated: 'simulated: proves nothing about hardware',
  audit: 'audit: opens no session',
};

function policyDetails(hash: string, policy: AppraisalPolicy, whose: string, since: Html): Html {
  return html`<details id="policy-${hash}">
    <summary>
      ${whose} ${short(hash)}, ${MODES[policy.mode]}; leaves ${plural(policy.waivers.size, 'check')}
      out${since}
    </summary>
    <ul>
      ${explainPolicy(policy).map((line) => html`<li>${line}</li>`)}
    </ul>
  </details>`;
}

export function identitySection(input: ReportInput): Html {
  const { bundle, options } = input;
  const codes = codeOf(input);
  const logged = new Map(
    (bundle?.records ?? []).flatMap((record) =>
      record.type === 'policy' ? [[record.hash, record.time] as const] : [],
    ),
  );
  const own = toHex(policyHash(options.policy));
  const known = bundle === null ? [] : [...loggedPolicies(bundle)];
  const peers = options.peer === undefined ? [] : [...loggedPolicies(options.peer)];
  const listedHashes = new Set([own]);
  const details = (policies: readonly (readonly [string, AppraisalPolicy])[], whose: string) =>
    policies.flatMap(([hash, policy]) => {
      if (listedHashes.has(hash)) return [];
      listedHashes.add(hash);
      const since = logged.get(hash);
      return [
        policyDetails(
          hash,
          policy,
          whose,
          since === undefined ? EMPTY : html`; logged ${time(since)}`,
        ),
      ];
    });
  const elsewhere = codes
    .flatMap(({ acceptedBy }) => [...acceptedBy.values()].flatMap((hashes) => [...hashes]))
    .filter((hash) => !listedHashes.has(hash) && ![...known, ...peers].some(([h]) => h === hash));
  return html`<section aria-labelledby="who">
    <h2 id="who">Who took part, and which code ran</h2>
    <h3>Organisations</h3>
    <p>
      The auditor brought these keys. Compare them with the organisations by another way than the
      one by which they came.
    </p>
    ${organisations(input)}
    <h3>Code that ran</h3>
    ${
      codes.length === 0
        ? html`<p>No run in this log shows a document that the audit accepts.</p>`
        : html`<p>
              Equal values mean equal code. Whoever has the source can build the image and compare.
            </p>
            <div class="cards">${codes.map((code) => codeCard(code, options.policy))}</div>`
    }
    <h3>Policies</h3>
    ${policyDetails(own, options.policy, "The auditor's policy", EMPTY)}
    ${details(known, 'In force at the owner of this log:')}
    ${details(peers, 'In force at the other party:')}
    ${[...new Set(elsewhere)].map((hash) => html`<p id="policy-${hash}" class="small">Policy ${short(hash)} of the other party is in its own log only: give its bundle with <code>--peer-bundle</code> to see it.</p>`)}
  </section>`;
}

/** Runs of a simulated or lenient policy are not to be taken for more. */
export function policyCaution({ policy }: { readonly policy: AppraisalPolicy }): Html {
  if (policy.mode === 'production' && policy.waivers.size === 0) return EMPTY;
  const waived = [...policy.waivers.keys()].join(', ');
  return html`<p class="caution">
    <strong
      >${
        policy.mode === 'simulated'
          ? 'Simulated enclaves.'
          : policy.mode === 'audit'
            ? "The auditor's policy is lenient."
            : 'Checks left out.'
      }</strong
    >
    ${
      policy.mode === 'simulated'
        ? "The auditor's policy accepts software security modules: nothing here proves anything about hardware. "
        : ''
    }${waived === '' ? '' : `The policy leaves out: ${waived}. Its reasons are below, under Policies.`}
  </p>`;
}
