/**
 * `dpca serve`: listens for the peer and takes part in as many runs as were approved by --runs.
 * @module
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { WebSocket } from 'ws';
import { fromHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Io } from '../cli/io.ts';
import { positiveInteger } from '../cli/program.ts';
import { loadConfig } from '../config/config.ts';
import { loadParty } from '../config/party.ts';
import { addConfigOptions, configPath, type Overrides } from '../config/settings.ts';
import { openHealth } from '../health/health.ts';
import { assertFits } from '../ledger/lineage.ts';
import { Live, LIVE_FLAG, LIVE_HELP, livePort } from '../live/live.ts';
import { admit } from '../proxy/greeting.ts';
import { runParty } from '../proxy/party-run.ts';
import { eventSink, readOwnTable } from '../proxy/presentation.ts';
import { RateLimit } from '../proxy/rate-limit.ts';
import { isSuppressed, releaseText } from '../proxy/release-text.ts';
import { listen } from '../proxy/websocket.ts';
import { openShares } from '../shares/shares.ts';

/** Callers that may stand before the challenge at one time. */
const MAX_CALLERS = 16;
/** What a caller that was turned away gets to read why. */
const FAREWELL_MS = 1_000;

type Flags = Overrides & {
  readonly config?: string;
  readonly runs: number;
  readonly insecureWs?: boolean;
  readonly recordDraws?: string;
  readonly sharesOut?: string;
  readonly live?: number | true;
  readonly health?: string;
  readonly insecureHealth?: boolean;
};

async function serve(io: Io, flags: Flags): Promise<void> {
  const config = loadConfig(configPath(flags.config, io.env), flags, io.env);
  const party = loadParty(config);
  if (config.listen === undefined) {
    throw new DpcaError('ERR_CONFIG', '/listen: missing, say where to listen');
  }
  assertFits(party);
  const shares = openShares(config, party.manifest, flags.sharesOut, flags.runs);
  let left = flags.runs;
  let listening = false;
  const health = await openHealth(io, party, flags, () => ({ listening, left }));
  const { metrics } = health;
  const table = await readOwnTable(io, party);
  const live = new Live();
  await live.open(io, flags.live, party);
  const limit = new RateLimit();
  let busy = false;
  let callers = 0;
  let settle: (error?: Error) => void = () => undefined;
  const ended = new Promise<Error | undefined>((resolve) => (settle = resolve));
  const claim = (): boolean => {
    if (busy || left === 0) return false;
    busy = true;
    left -= 1; // an approval is spent when the run starts, however it ends
    return true;
  };
  const onSocket = async (socket: WebSocket): Promise<void> => {
    callers += 1;
    try {
      await admit(socket, party.keys.identity.publicKey, fromHex(party.other.identity), claim);
    } catch (error) {
      const code = error instanceof DpcaError ? error.code : 'ERR_INTERNAL';
      io.log.warn({ code }, 'a caller was turned away');
      metrics.callerTurnedAway(error);
      setTimeout(() => socket.terminate(), FAREWELL_MS).unref(); // it may still read its verdict
      return;
    } finally {
      callers -= 1;
    }
    io.log.info({ peer: party.other.name, runsLeft: left }, 'the peer is here');
    let failure: Error | undefined;
    metrics.runStarted();
    const show = eventSink(io);
    try {
      const hear = (event: JsonObject): void => {
        metrics.hear(event);
        show(event);
      };
      const release = await live.follow(hear, (onEvent) =>
        runParty({
          ...{ party, table, socket, signal: io.signal },
          ...(flags.recordDraws === undefined ? {} : { recordDraws: resolve(flags.recordDraws) }),
          ...{ role: 'resp', shares, onEvent },
        }),
      );
      io.result(release, releaseText(release));
      if (isSuppressed(release)) io.exit('suppressed');
    } catch (error) {
      failure = error instanceof Error ? error : new DpcaError('ERR_INTERNAL', String(error));
      if (left > 0) {
        const code = error instanceof DpcaError ? error.code : 'ERR_INTERNAL';
        io.log.error({ code }, failure.message);
      }
    }
    busy = false;
    metrics.runEnded(failure, Date.now());
    if (left === 0 || io.signal.aborted) settle(failure);
  };
  const listener = await listen(
    config.listen,
    config.tls,
    flags.insecureWs === true,
    (socket, remote) => {
      if (callers >= MAX_CALLERS || !limit.allow(remote, Date.now())) {
        metrics.callerDropped();
        socket.terminate();
      } else void onSocket(socket);
    },
  );
  listening = true;
  const { host } = config.listen;
  io.log.info({ host, port: listener.port, runs: flags.runs }, 'listening');
  const onAbort = (): void => {
    if (!busy) settle(new DpcaError('ERR_INTERRUPTED', 'stopped by the user'));
  };
  io.signal.addEventListener('abort', onAbort, { once: true });
  const failure = await ended;
  await listener.close();
  await health.close();
  await live.close();
  if (failure !== undefined) throw failure;
}

export function registerServe(program: Command, io: Io): void {
  addConfigOptions(
    program
      .command('serve')
      .description('wait for the peer and take part in approved runs')
      .option('--runs <n>', 'how many runs are approved', positiveInteger, 1)
      .option(
        '--record-draws <file>',
        'write the secret draws, for dpca audit replay: both files together reveal exact sizes',
      )
      .option('--shares-out <file>', 'where the own shares go, if the manifest has any (CSV)')
      .option(LIVE_FLAG, LIVE_HELP, livePort)
      .option('--insecure-ws', 'allow plain ws beyond loopback')
      .option('--health <host:port>', 'show /healthz, /readyz and /metrics on loopback')
      .option('--insecure-health', 'allow --health beyond loopback'),
  ).action((flags: Flags) => serve(io, flags));
}
