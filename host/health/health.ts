/**
 * Health of a listening host: its metrics, and the endpoint that shows them when `--health` asks for one
 * (docs/operating.md, "Monitoring").
 * @module
 */
import { parsePolicy } from '../../attestation/index.ts';
import { toHex } from '../../src/encoding.ts';
import { privacyHash } from '../../src/run/manifest.ts';
import type { Io } from '../cli/io.ts';
import { projectVersion } from '../cli/root.ts';
import type { Party } from '../config/party.ts';
import { parseListen } from '../config/settings.ts';
import { readTextFile } from '../keys/files.ts';
import { openLedger } from '../ledger/lineage.ts';
import { LedgerStore } from '../ledger/store.ts';
import { Metrics } from './metrics.ts';
import { listenHealth } from './server.ts';

/** What `serve` knows of itself. */
export interface ServeState {
  readonly listening: boolean;
  /** Approved runs that have not started. */
  readonly left: number;
}

export interface Health {
  readonly metrics: Metrics;
  close(): Promise<void>;
}

/** By this host's clock, which decides nothing: the enclave judges by its security module's. */
function policyWindow(path: string, nowMs: number): { inForce: boolean; endMs: number } {
  try {
    const { measurements } = parsePolicy(readTextFile(path));
    return {
      inForce: measurements.some((image) => image.notBefore <= nowMs && nowMs <= image.notAfter),
      endMs: Math.max(...measurements.map(({ notAfter }) => notAfter)),
    };
  } catch {
    return { inForce: false, endMs: 0 }; // the run itself will say why
  }
}

/** Begins to count, and opens the endpoint at `address`, `HOST:PORT`, if there is one. */
export async function openHealth(
  io: Io,
  { config, manifest }: Party,
  {
    health: address,
    insecureHealth,
  }: { readonly health?: string; readonly insecureHealth?: boolean },
  state: () => ServeState,
): Promise<Health> {
  const started = Date.now();
  if (address === undefined) {
    const nobodyAsks = { lineage: '', spent: 0, registered: 0 };
    const metrics = new Metrics(projectVersion(), started, nobodyAsks);
    return { metrics, close: () => Promise.resolve() };
  }
  const ledger = openLedger(new LedgerStore(config.ledger));
  const plan = ledger.plans.find(({ hash }) => hash === toHex(privacyHash(manifest)));
  const { lineage } = ledger.registration;
  const slots = { lineage, spent: plan?.used ?? 0, registered: plan?.slots ?? 0 };
  const metrics = new Metrics(projectVersion(), started, slots);
  const problems = (): readonly string[] => {
    const { listening, left } = state();
    return [
      ...(io.signal.aborted ? ['stopping'] : []),
      ...(listening ? [] : ['reading the own table']),
      ...(left > 0 ? [] : ['no approved run is left']),
      ...(policyWindow(config.policy, Date.now()).inForce
        ? []
        : ['the policy accepts no image now']),
    ];
  };
  const at = parseListen(address, '--health');
  const server = await listenHealth(at, insecureHealth === true, {
    problems,
    metrics: () => metrics.text(state().left, policyWindow(config.policy, Date.now()).endMs),
  });
  io.log.info({ host: at.host, port: server.port }, 'health is shown');
  return { metrics, close: () => server.close() };
}
