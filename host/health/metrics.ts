/**
 * What an operator may watch of a listening host, in the Prometheus text format (version 0.0.4). Coarse on purpose:
 * every label is a name of this project or the own lineage, nothing is a size or a duration, because those follow the
 * data, and nothing a peer sends becomes text here. Trust: readers of metrics need not be allowed to see releases.
 * @module
 */
import { DpcaError, type ErrorCode, EXIT, type ExitName, exitOf } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';

/** Slots of the manifest's plan in the own ledger. */
export interface Slots {
  /** 32 hex digits, drawn by this party. */
  readonly lineage: string;
  readonly spent: number;
  readonly registered: number;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: readonly Sample[],
): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => {
      // values of labels are codes, classes, versions and hex: none needs escaping
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
      return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
    }),
  ];
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof DpcaError ? error.code : 'ERR_INTERNAL';
}

class Counts<K extends string> {
  private readonly counts = new Map<K, number>();

  constructor(initial: readonly K[]) {
    for (const key of initial) this.counts.set(key, 0);
  }

  add(key: K): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  samples(label: string): readonly Sample[] {
    return [...this.counts].map(([key, count]) => [{ [label]: key }, count]);
  }
}

/** A release, withheld values included, counts as `ok`: what came out is for those who may read it. */
const CLASSES = (Object.keys(EXIT) as ExitName[]).filter((name) => name !== 'suppressed');

export class Metrics {
  private readonly runs = new Counts<ExitName>(CLASSES);
  private readonly failures = new Counts<ErrorCode>([]);
  private readonly verdicts = new Counts<'accepted' | 'refused'>(['accepted', 'refused']);
  private readonly turnedAway = new Counts<ErrorCode>([]);
  private dropped = 0;
  private unlogged = 0;
  private active = false;
  private lastReleaseMs = 0;
  private slots: Slots;
  private readonly version: string;
  private readonly startedMs: number;

  constructor(version: string, startedMs: number, slots: Slots) {
    this.version = version;
    this.startedMs = startedMs;
    this.slots = slots;
  }

  callerTurnedAway(error: unknown): void {
    this.turnedAway.add(codeOf(error));
  }

  /** Dropped unheard: too many callers, or too often. */
  callerDropped(): void {
    this.dropped += 1;
  }

  runStarted(): void {
    this.active = true;
  }

  /** @param failure undefined after a release */
  runEnded(failure: unknown, nowMs: number): void {
    this.active = false;
    if (failure === undefined) {
      this.runs.add('ok');
      this.lastReleaseMs = nowMs;
      return;
    }
    const code = codeOf(failure);
    this.runs.add(exitOf(code));
    this.failures.add(code);
  }

  /** The own enclave's events; only their kind and the own ledger's numbers are looked at. */
  hear(event: JsonObject): void {
    if (event['event'] === 'verdict') {
      this.verdicts.add(event['accepted'] === true ? 'accepted' : 'refused');
    }
    if (event['event'] === 'unlogged') this.unlogged += 1;
    if (event['event'] === 'charged') {
      const { spent, slots } = event;
      if (typeof spent === 'number' && typeof slots === 'number') {
        this.slots = { ...this.slots, spent, registered: slots };
      }
    }
  }

  /** @param approvals left for `serve`; @param policyEndMs when the policy's last image ends, 0 without a policy */
  text(approvals: number, policyEndMs: number): string {
    const { lineage, spent, registered } = this.slots;
    const seconds = (ms: number): number => Math.floor(ms / 1000);
    const one = (value: number): readonly Sample[] => [[{}, value]];
    const failures = this.failures.samples('code');
    const lines = [
      ...family('dpca_info', 'gauge', 'Version of this host.', [[{ version: this.version }, 1]]),
      ...family(
        ...(['process_start_time_seconds', 'gauge', 'Start of this process, Unix time.'] as const),
        one(seconds(this.startedMs)),
      ),
      ...family('dpca_runs_total', 'counter', 'Runs ended, by result.', this.runs.samples('class')),
      ...family('dpca_run_failures_total', 'counter', 'Failed runs, by own code.', failures),
      ...family('dpca_run_active', 'gauge', 'Whether a run is under way.', one(+this.active)),
      ...family(
        ...(['dpca_last_release_timestamp_seconds', 'gauge', 'Last release; 0 if none.'] as const),
        one(seconds(this.lastReleaseMs)),
      ),
      ...family('dpca_approvals_left', 'gauge', 'Approved runs not started yet.', one(approvals)),
      ...family(
        ...(['dpca_attestation_verdicts_total', 'counter'] as const),
        "Verdicts of the own enclave on the peer's evidence.",
        this.verdicts.samples('verdict'),
      ),
      ...family(
        ...(['dpca_policy_end_timestamp_seconds', 'gauge'] as const),
        'When the policy stops accepting its last image; 0 if it cannot be loaded.',
        one(seconds(policyEndMs)),
      ),
      ...family('dpca_ledger_slots', 'gauge', "Runs of the manifest's plan, by state.", [
        [{ lineage, state: 'spent' }, spent],
        [{ lineage, state: 'left' }, registered - spent],
      ]),
      ...family(
        ...(['dpca_callers_turned_away_total', 'counter', 'Callers refused, by code.'] as const),
        this.turnedAway.samples('code'),
      ),
      ...family(
        ...(['dpca_callers_dropped_total', 'counter', 'Callers dropped unheard.'] as const),
        one(this.dropped),
      ),
      ...family(
        ...([
          'dpca_log_failures_total',
          'counter',
          'Ends of runs that could not be logged.',
        ] as const),
        one(this.unlogged),
      ),
    ];
    return `${lines.join('\n')}\n`;
  }
}
