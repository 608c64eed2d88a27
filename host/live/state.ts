/**
 * What the live page shows of a run, gathered from its enclave's events: steps with their progress, the peer's verdict,
 * the charge, the release or the failure. Nothing of it is secret to whoever runs the host.
 * @module
 */
import type { Json, JsonObject } from '../../src/json.ts';
import { PHASES } from '../proxy/presentation.ts';

export interface Step {
  readonly name: string;
  readonly startedMs: number;
  endedMs: number | null;
  done: number;
  /** Null when it is not known how much there is to do. */
  readonly total: number | null;
}

export interface PeerVerdict {
  readonly accepted: boolean;
  readonly moduleId: string;
  readonly root: string;
  readonly pcrs: readonly (readonly [index: string, value: string])[];
  /** Codes of the checks that failed. */
  readonly refused: readonly string[];
}

export interface LiveRun {
  readonly state: 'waiting' | 'running' | 'released' | 'failed';
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly steps: readonly Readonly<Step>[];
  readonly verdict: PeerVerdict | null;
  /** Set once both enclaves have accepted each other. */
  readonly session: string | null;
  readonly charge: {
    readonly lineage: string;
    readonly slot: number;
    readonly spent: number;
    readonly slots: number;
  } | null;
  readonly release: JsonObject | null;
  readonly receipt: string | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

function verdictOf(event: JsonObject): PeerVerdict {
  const { partition, fingerprint } = objectOf(event['anchor']);
  const checks = Array.isArray(event['checks']) ? (event['checks'] as readonly Json[]) : [];
  return {
    accepted: event['accepted'] === true,
    moduleId: textOf(event['moduleId']),
    root: `${textOf(partition)} ${textOf(fingerprint)}`,
    pcrs: Object.entries(objectOf(event['pcrs'])).map(([index, value]) => [index, textOf(value)]),
    refused: checks
      .map(objectOf)
      .filter(({ result }) => result === 'fail')
      .map(({ code }) => textOf(code)),
  };
}

/** One run after the other; {@link start} begins anew. */
export class LiveState {
  private run: LiveRun;
  private steps: Step[] = [];
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
    this.run = this.fresh('waiting');
  }

  get current(): LiveRun {
    return { ...this.run, steps: this.steps };
  }

  start(): void {
    this.steps = [];
    this.run = this.fresh('running');
  }

  hear(event: JsonObject): void {
    if (this.run.state === 'waiting') this.start();
    switch (event['event']) {
      case 'phase': {
        const name = PHASES[textOf(event['phase'])];
        if (name !== undefined) this.step(name, null);
        return;
      }
      case 'progress': {
        const { step, column, done, total } = event;
        const what = step === 'hash' ? 'hashing identifiers' : 'multiplying points';
        const name = `column ${Number(column)}: ${what}`;
        const last = this.steps.at(-1);
        const count = Number(done);
        const goesOn = last?.name === name && last.endedMs === null && count >= last.done;
        const current = goesOn ? last : this.step(name, Number(total));
        current.done = count;
        return;
      }
      case 'verdict':
        this.run = { ...this.run, verdict: verdictOf(event) };
        return;
      case 'accepted':
        this.run = { ...this.run, session: textOf(event['session']) };
        return;
      case 'charged': {
        const { lineage, slot, spent, slots } = event;
        const charge = { slot: Number(slot), spent: Number(spent), slots: Number(slots) };
        this.run = { ...this.run, charge: { lineage: textOf(lineage), ...charge } };
        return;
      }
      default: // releases and failures come from the command, which knows the end
    }
  }

  released(release: JsonObject): void {
    const receipt = textOf(release['receipt']);
    this.end({ state: 'released', release, receipt: receipt === '' ? null : receipt });
  }

  failed(code: string, message: string): void {
    this.end({ state: 'failed', failure: { code, message } });
  }

  private fresh(state: LiveRun['state']): LiveRun {
    return {
      ...{ state, startedMs: this.now(), endedMs: null, steps: [], verdict: null, session: null },
      ...{ charge: null, release: null, receipt: null, failure: null },
    };
  }

  private step(name: string, total: number | null): Step {
    this.endStep();
    const step: Step = { name, total, startedMs: this.now(), endedMs: null, done: 0 };
    this.steps.push(step);
    return step;
  }

  private endStep(): void {
    const last = this.steps.at(-1);
    if (last !== undefined) last.endedMs ??= this.now();
  }

  private end(change: Partial<LiveRun>): void {
    this.endStep();
    this.run = { ...this.run, ...change, endedMs: this.now() };
  }
}
