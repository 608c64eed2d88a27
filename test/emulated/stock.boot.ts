/**
 * Guests with a stock kernel and a real AF_VSOCK device: the project's own first process boots them, its relay carries
 * the transport contract, and two of them complete runs through two host proxies. The security module in them is the
 * simulated one; the images hold what no production image does. Needs what prepare.mjs gets; says what is missing.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureSimulated } from '../../enclave/nsm/measure.ts';
import { connectEmulated } from '../../host/proxy/emulated-vsock.ts';
import { PORTS } from '../../host/image/root.ts';
import { toHex } from '../../src/encoding.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { copyBuild, type Pair, type PartyFolder, processesOf } from '../support/party-folders.ts';
import { at, fromThenOn } from '../support/proxy-tap.ts';
import {
  addArguments,
  bootTree,
  buildInit,
  rootTree,
  stageApplication,
  type Tree,
  writeInitrd,
} from './guest-image.ts';
import { type Guest, startGuest } from './guest.ts';
import { emulatedPair, expectAudited, expectReleased, play, useGuest } from './parties.ts';
import { missingForStockGuests, stockKernel } from './tools.ts';
import { farEnd, type FarEnd, transportContract } from './transport-contract.ts';

const missing = missingForStockGuests();
if (missing.length > 0)
  console.warn(`SKIPPED, guests with a stock kernel need ${missing.join(', ')}`);

let folder: string;
let init: string;
const guests = new Set<Guest>();

async function boot(initrd: string): Promise<Guest> {
  const guest = await startGuest({ kind: 'stock', kernel: stockKernel()!.image, initrd });
  guests.add(guest);
  return guest;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dpca-e-'));
  if (missing.length === 0) init = buildInit(join(folder, 'init'));
});
afterAll(async () => {
  for (const guest of guests) await guest.kill();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Process 1 takes vsock connections to a unix socket; a second relay, its command, takes them from there to vsock
 * again and back to this host. So both directions of the relay are held to the contract, over the real device.
 */
describe.skipIf(missing.length > 0)('process 1 and a relay as its command', () => {
  const FAR_PORT = 9_100;
  let guest: Guest;
  let far: FarEnd;
  beforeAll(async () => {
    const tree: Tree = new Map();
    addArguments(tree, ['/init', 'unix:/run/dpca/control.sock', `vsock:2:${FAR_PORT}`]);
    guest = await boot(writeInitrd(join(folder, 'relay'), [bootTree(init, stockKernel()), tree]));
    await guest.printed(/ready$/);
    far = await farEnd(`${guest.socket}_${FAR_PORT}`);
  });
  afterAll(async () => {
    far.server.close();
    await guest.kill();
  });
  transportContract(
    () => connectEmulated(guest.socket, PORTS.control),
    () => far,
  );

  it('boots within seconds', () => {
    console.info(`heartbeat after ${guest.bootMs} ms`);
    expect(guest.bootMs).toBeLessThan(60_000);
  });

  it('holds a connection to a command that never comes, for 20 seconds', async () => {
    const socket = await connectEmulated(guest.socket, PORTS.peer); // nobody listens behind this one
    const started = performance.now();
    await new Promise((resolve) => socket.resume().once('close', resolve));
    expect(performance.now() - started).toBeGreaterThan(15_000);
    expect(performance.now() - started).toBeLessThan(40_000);
  });
});

describe.skipIf(missing.length > 0)('process 1', () => {
  it('ends a machine whose parent gives no heartbeat', async () => {
    const tree: Tree = new Map();
    addArguments(tree, ['/init', 'unix:/run/dpca/control.sock', 'vsock:2:9100']);
    const initrd = writeInitrd(join(folder, 'mute'), [bootTree(init, stockKernel()), tree]);
    const machine = { kind: 'stock', kernel: stockKernel()!.image, initrd } as const;
    await expect(startGuest(machine, { heartbeat: false })).rejects.toThrow(/dpca-init: heartbeat/);
  });

  it('ends a machine whose command fails five times', async () => {
    const tree: Tree = new Map();
    addArguments(tree, ['/init', '--nonsense']);
    const initrd = writeInitrd(join(folder, 'fails'), [bootTree(init, stockKernel()), tree]);
    const guest = await boot(initrd);
    await guest.ended;
    expect(guest.console()).toContain('the command failed 5 times in a row');
  });
});

describe.skipIf(missing.length > 0)('two guests and two host proxies', () => {
  let pair: Pair;
  const images = new Map<PartyFolder, string>();
  const running = new Map<PartyFolder, Guest>();

  const start = async (party: PartyFolder): Promise<void> => {
    const guest = await boot(images.get(party)!);
    await guest.printed(/ready$/);
    useGuest(party, guest);
    running.set(party, guest);
  };
  /** Runs that a guest has served or failed; each takes one start of its command. */
  const served = new Map<Guest, number>();

  /** One run, once both guests wait for it; a machine that is gone is started again. */
  const playWhenReady: typeof play = async (...how) => {
    for (const party of [pair.a, pair.b]) {
      if (!running.get(party)!.isRunning()) await start(party);
      const guest = running.get(party)!;
      const before = served.get(guest) ?? 0;
      await guest.printed(/ready$/, before);
      served.set(guest, before + 1);
    }
    return play(...how);
  };

  beforeAll(async () => {
    const application = join(folder, 'app');
    stageApplication(application);
    const { pcr0, pcr1, pcr2 } = measureSimulated(application);
    const measured = { pcr0: toHex(pcr0), pcr1: toHex(pcr1), pcr2: toHex(pcr2) };
    pair = await emulatedPair({ ...copyBuild(join(folder, 'host')), measured });
    for (const party of [pair.a, pair.b]) {
      copyFileSync(join(party.folder, 'sim-root.json'), join(application, 'sim-root.json'));
      const command = [
        '/app/dist/enclave/simulated.js',
        '--sockets',
        '/run/dpca',
        '--root',
        '/app/sim-root.json',
      ];
      const trees = [bootTree(init, stockKernel()), rootTree(application, command)];
      images.set(party, writeInitrd(join(folder, party.role), trees));
    }
    await Promise.all([start(pair.a), start(pair.b)]);
  });
  afterAll(() => {
    for (const { pid } of processesOf(pair.folder)) process.kill(pid, 'SIGKILL');
    pair.remove();
  });

  it('complete a run, whose receipts verify in both logs', async () => {
    const played = await playWhenReady(pair);
    expectReleased(played);
    expectAudited(pair, 1);
    console.info(`a run of two guests took ${played.ms} ms`);
  });

  it('of which one is killed: its host and the other side end with named codes, and a new one serves', async () => {
    const { listener, caller } = await playWhenReady(pair, () =>
      fromThenOn(
        at({ direction: 'up', type: MESSAGE.points }, () => {
          void running.get(pair.a)!.kill();
          return [];
        }),
      ),
    );
    expect([listener.code, caller.code]).toEqual(['ERR_ENCLAVE_LOST', 'ERR_PEER_LOST']);
    expectReleased(await playWhenReady(pair));
  });

  it('of which one loses the relay on its host: named codes, and the next run starts another', async () => {
    const between = join(folder, 'between');
    const guest = running.get(pair.b)!;
    const relay = spawn(init, ['--lifeline', `unix:${between}`, `unix:${guest.socket}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => relay.stdout.once('data', resolve));
    useGuest(pair.b, { ...guest, socket: between });
    const { listener, caller } = await playWhenReady(pair, () =>
      fromThenOn(
        at({ direction: 'up', type: MESSAGE.points }, () => {
          relay.kill('SIGKILL');
          return [];
        }),
      ),
    );
    expect([listener.code, caller.code]).toEqual(['ERR_PEER_LOST', 'ERR_ENCLAVE_LOST']);
    useGuest(pair.b, guest);
  });

  it('of which one loses its host: the other side ends with a named code, and the guest serves the next', async () => {
    const { listener, caller } = await playWhenReady(pair, ({ caller }) =>
      fromThenOn(
        at({ direction: 'down', type: MESSAGE.points }, () => {
          caller().process.kill('SIGKILL');
          return [];
        }),
      ),
    );
    expect([listener.code, caller.exit]).toEqual(['ERR_PEER_LOST', null]);
    expectReleased(await playWhenReady(pair));
  });
});
