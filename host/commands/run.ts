/**
 * `dpca run`: starts one run with a peer whose proxy listens.
 * @module
 */
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { WebSocket } from 'ws';
import { fromHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { loadConfig } from '../config/config.ts';
import { loadParty } from '../config/party.ts';
import { addConfigOptions, configPath, type Overrides } from '../config/settings.ts';
import { assertFits } from '../ledger/lineage.ts';
import { Live, LIVE_FLAG, LIVE_HELP, livePort } from '../live/live.ts';
import { greet } from '../proxy/greeting.ts';
import { runParty } from '../proxy/party-run.ts';
import { eventSink, readOwnTable } from '../proxy/presentation.ts';
import { isSuppressed, releaseText } from '../proxy/release-text.ts';
import { dial } from '../proxy/websocket.ts';
import { openShares } from '../shares/shares.ts';

const RETRY_MS = 500;

type Flags = Overrides & {
  readonly config?: string;
  readonly wait: number;
  readonly insecureWs?: boolean;
  readonly recordDraws?: string;
  readonly sharesOut?: string;
  readonly live?: number | true;
};

function seconds(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text)) throw new InvalidArgumentError('Expected whole seconds.');
  return Number(text);
}

async function runOnce(io: Io, flags: Flags): Promise<void> {
  const config = loadConfig(configPath(flags.config, io.env), flags, io.env);
  const party = loadParty(config);
  const url = config.peer?.url;
  if (url === undefined) {
    throw new DpcaError('ERR_CONFIG', '/peer/url: missing, say where the peer listens');
  }
  assertFits(party);
  const shares = openShares(config, party.manifest, flags.sharesOut);
  const table = await readOwnTable(io, party);
  const live = new Live();
  await live.open(io, flags.live, party);
  io.log.info({ peer: party.other.name, url }, 'connecting');
  const deadline = Date.now() + 1000 * flags.wait;
  let socket: WebSocket | undefined;
  while (socket === undefined) {
    try {
      socket = await dial(url, config.tls, flags.insecureWs === true, io.signal);
    } catch (error) {
      const unreachable = error instanceof DpcaError && error.code === 'ERR_PEER_UNREACHABLE';
      if (!unreachable || Date.now() >= deadline) throw error;
      await delay(RETRY_MS, undefined, { signal: io.signal });
    }
  }
  const hangUp = (): void => socket.terminate();
  io.signal.addEventListener('abort', hangUp, { once: true });
  try {
    await greet(socket, party.keys.identity, fromHex(party.other.identity));
  } catch (error) {
    hangUp();
    throw error;
  } finally {
    io.signal.removeEventListener('abort', hangUp);
  }
  const release = await live
    .follow(eventSink(io), (onEvent) =>
      runParty({
        ...{ party, table, socket, signal: io.signal },
        ...(flags.recordDraws === undefined ? {} : { recordDraws: resolve(flags.recordDraws) }),
        ...{ role: 'init', shares, onEvent },
      }),
    )
    .finally(() => live.close());
  io.result(release, releaseText(release));
  if (isSuppressed(release)) io.exit('suppressed');
}

export function registerRun(program: Command, io: Io): void {
  addConfigOptions(
    program
      .command('run')
      .description('start one run with a peer that serves')
      .option('--wait <seconds>', 'keep trying while the peer does not listen', seconds, 0)
      .option(
        '--record-draws <file>',
        'write the secret draws, for dpca audit replay: both files together reveal exact sizes',
      )
      .option('--shares-out <file>', 'where the own shares go, if the manifest has any (CSV)')
      .option(LIVE_FLAG, LIVE_HELP, livePort)
      .option('--insecure-ws', 'allow plain ws beyond loopback'),
  ).action((flags: Flags) => runOnce(io, flags));
}
