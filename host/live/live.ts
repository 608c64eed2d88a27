/**
 * `--live [port]` of `dpca run` and `dpca serve`: the live page beside the command's own progress.
 * @module
 */
import { InvalidArgumentError } from 'commander';
import { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Io } from '../cli/io.ts';
import type { Party } from '../config/party.ts';
import { type LiveServer, serveLive } from './server.ts';
import { LiveState } from './state.ts';

type Hear = (event: JsonObject) => void;

export const LIVE_FLAG = '--live [port]';
export const LIVE_HELP = 'show the run on a page of this machine; its address is on stderr';

/** Of {@link LIVE_FLAG}; without a port any free one. */
export function livePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('Expected a port, 0 to 65535.');
  return port;
}

export class Live {
  private readonly state: LiveState = new LiveState(Date.now);
  private server: LiveServer | undefined;

  /** Does nothing without the flag. */
  async open(io: Io, flag: number | true | undefined, party: Party): Promise<void> {
    if (flag === undefined) return;
    this.server = await serveLive(flag === true ? 0 : flag, this.state, party, Date.now);
    io.log.info({ url: this.server.url }, 'the run can be watched at this address');
  }

  /** One run: `run` is given where its events go, `hear` hears them too. */
  async follow(hear: Hear, run: (onEvent: Hear) => Promise<JsonObject>): Promise<JsonObject> {
    this.state.start();
    try {
      const release = await run((event) => {
        this.state.hear(event);
        hear(event);
      });
      this.state.released(release);
      return release;
    } catch (error) {
      const { code, message } =
        error instanceof DpcaError ? error : new DpcaError('ERR_INTERNAL', String(error));
      this.state.failed(code, message);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.server?.close();
  }
}
