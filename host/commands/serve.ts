/**
 * `dpca serve`: listens for the peer and takes part in as many runs as were approved by --runs.
 * @module
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { WebSocket } from 'ws';
import { fromHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { positiveInteger } from '../cli/program.ts';
import { loadConfig } from '../config/config.ts';
import { loadParty } from '../config/party.ts';
import { addConfigOptions, configPath, type Overrides } from '../config/settings.ts';
import { assertFits } from '../ledger/lineage.ts';
import { admit } from '../proxy/greeting.ts';
import { runParty } from '../proxy/party-run.ts';
import { eventSink, readOwnTable, releaseText } from '../proxy/presentation.ts';
import { RateLimit } from '../proxy/rate-limit.ts';
import { listen } from '../proxy/websocket.ts';

/** Callers that may stand before the challenge at one time. */
const MAX_CALLERS = 16;
/** What a caller that was turned away gets to read why. */
const FAREWELL_MS = 1_000;

type Flags = Overrides & {
  readonly config?: string;
  readonly runs: number;
  readonly insecureWs?: boolean;
  readonly recordDraws?: string;
};

async function serve(io: Io, flags: Flags): Promise<void> {
  const config = loadConfig(configPath(flags.config, io.env), flags, io.env);
  const party = loadParty(config);
  if (config.listen === undefined) {
    throw new DpcaError('ERR_CONFIG', '/listen: missing, say where to listen');
  }
  assertFits(party);
  const table = await readOwnTable(io, party);
  const limit = new RateLimit();
  let left = flags.runs;
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
      setTimeout(() => socket.terminate(), FAREWELL_MS).unref(); // it may still read its verdict
      return;
    } finally {
      callers -= 1;
    }
    io.log.info({ peer: party.other.name, runsLeft: left }, 'the peer is here');
    let failure: Error | undefined;
    try {
      const release = await runParty({
        ...{ party, table, socket, signal: io.signal },
        ...(flags.recordDraws === undefined ? {} : { recordDraws: resolve(flags.recordDraws) }),
        role: 'resp',
        onEvent: eventSink(io),
      });
      io.result(release, releaseText(release));
    } catch (error) {
      failure = error instanceof Error ? error : new DpcaError('ERR_INTERNAL', String(error));
      if (left > 0) {
        const code = error instanceof DpcaError ? error.code : 'ERR_INTERNAL';
        io.log.error({ code }, failure.message);
      }
    }
    busy = false;
    if (left === 0 || io.signal.aborted) settle(failure);
  };
  const listener = await listen(
    config.listen,
    config.tls,
    flags.insecureWs === true,
    (socket, remote) => {
      if (callers >= MAX_CALLERS || !limit.allow(remote, Date.now())) socket.terminate();
      else void onSocket(socket);
    },
  );
  const { host } = config.listen;
  io.log.info({ host, port: listener.port, runs: flags.runs }, 'listening');
  const onAbort = (): void => {
    if (!busy) settle(new DpcaError('ERR_INTERRUPTED', 'stopped by the user'));
  };
  io.signal.addEventListener('abort', onAbort, { once: true });
  const failure = await ended;
  await listener.close();
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
      .option('--insecure-ws', 'allow plain ws beyond loopback'),
  ).action((flags: Flags) => serve(io, flags));
}
