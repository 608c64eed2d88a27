/**
 * One virtual machine with a real AF_VSOCK device under QEMU (TCG: no assumption about the host's KVM), its vsock
 * carried by vhost-device-vsock to unix sockets here. The parent has CID 2 there; init is told on the command line.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NITRO_QEMU, STOCK_QEMU, VHOST_VSOCK } from './tools.ts';

/** 3 to 25 seconds were seen on free cores; minutes where eight others compile. */
export const BOOT_MS = 240_000;
/** The parent's CID there; and on busy machines the emulated timer is late, of which a kernel must not panic. */
const UNMEASURED = 'parent_cid=2 no_timer_check';
const HEARTBEAT_PORT = 9000;
const HEARTBEAT_BYTE = 0xb7;

export type Machine =
  /** A stock kernel and an initial ramdisk. */
  | { readonly kind: 'stock'; readonly kernel: string; readonly initrd: string }
  /** The nitro-enclave machine and an enclave image file. */
  | { readonly kind: 'nitro'; readonly eif: string };

/** What the nitro-enclave machine writes into documents. */
export const MODULE_ID = 'i-0123456789abcdef0-enc0123456789abcdef';
const PARENT = 'parent-id=i-0123456789abcdef0,parent-role=arn:aws:iam::1:role/x';

export interface Guest {
  /** The vsock socket: `CONNECT <port>`. */
  readonly socket: string;
  /** Milliseconds from the start to the heartbeat. */
  readonly bootMs: number;
  /** What the guest wrote to its console so far. */
  console(): string;
  /** Resolves with the first console line that matches; rejects if the machine ends without, or after the deadline. */
  printed(pattern: RegExp, afterMatches?: number): Promise<string>;
  readonly ended: Promise<void>;
  readonly isRunning: () => boolean;
  /** SIGKILL of the machine, as when an instance dies. */
  kill(): Promise<void>;
}

function argumentsOf(machine: Machine, folder: string): readonly string[] {
  const vsock = ['-chardev', `socket,id=c,path=${join(folder, 's')}`];
  const common = [
    ...['-L', '/usr/share/qemu', '-L', '/usr/share/seabios'],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1G', '-smp', '2'],
    ...['-nographic', '-no-reboot', ...vsock],
  ];
  if (machine.kind === 'nitro') {
    return [
      ...['-M', `nitro-enclave,vsock=c,id=${MODULE_ID},${PARENT}`, ...common],
      ...['-kernel', machine.eif, '-append', UNMEASURED],
    ];
  }
  return [
    ...['-M', 'q35,memory-backend=mem0', ...common, '-nic', 'none', '-vga', 'none'],
    ...['-object', 'memory-backend-memfd,id=mem0,size=1G,share=on'],
    ...['-device', 'vhost-user-vsock-pci,chardev=c'],
    ...['-kernel', machine.kernel, '-initrd', machine.initrd],
    ...['-append', `reboot=t panic=-1 console=ttyS0 quiet random.trust_cpu=on ${UNMEASURED}`],
  ];
}

/** Answers the guest's one byte, as nitro-cli does; resolves when it came. */
function heartbeat(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes) => {
        if (bytes.length !== 1 || bytes[0] !== HEARTBEAT_BYTE) reject(new Error('no heartbeat'));
        socket.end(bytes);
        server.close();
        resolve();
      });
    });
    server.listen(path);
    server.unref();
  });
}

async function started(path: string, process: ChildProcess): Promise<void> {
  for (let n = 0; n < 200; n++) {
    if (existsSync(path)) return;
    if (process.exitCode !== null) break;
    await delay(25);
  }
  throw new Error(`${path}: the vsock device did not start`);
}

/** Starts a machine; resolves at its heartbeat. Without `heartbeat` nobody listens for it. */
export async function startGuest(
  machine: Machine,
  options: { readonly heartbeat: boolean } = { heartbeat: true },
): Promise<Guest> {
  // unix socket paths end at 107 bytes, and stale sockets break the start
  const folder = mkdtempSync(join(tmpdir(), 'dpca-v-'));
  const socket = join(folder, 'v');
  const beat = options.heartbeat
    ? heartbeat(`${socket}_${HEARTBEAT_PORT}`)
    : new Promise<void>(() => undefined);
  // guest kernels since 6.12 lose writes above 32 KiB without the last option
  const vm = `guest-cid=4,socket=${join(folder, 's')},uds-path=${socket},tx-buffer-size=32768`;
  const device = spawn(VHOST_VSOCK, ['--vm', vm], { stdio: 'ignore' });
  let text = '';
  const cleanUp = (): void => {
    device.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await started(join(folder, 's'), device);
  } catch (error) {
    cleanUp();
    throw error;
  }
  const startedMs = Date.now();
  const qemu = spawn(
    machine.kind === 'nitro' ? NITRO_QEMU : STOCK_QEMU,
    argumentsOf(machine, folder),
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  for (const stream of [qemu.stdout, qemu.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  // the firmware clears the screen
  const plain = (): string => text.replaceAll(/\u001b(?:\[[0-9;?]*[A-Za-z]|c)/g, '');
  let over = false;
  const ended = new Promise<void>((resolve) =>
    qemu.once('close', () => {
      over = true;
      cleanUp();
      resolve();
    }),
  );
  // a test process that is stopped leaves no machine behind
  const abandon = (): void => void (qemu.kill('SIGKILL'), device.kill('SIGKILL'));
  process.once('exit', abandon);
  const kill = async (): Promise<void> => {
    qemu.kill('SIGKILL');
    await ended;
    process.off('exit', abandon);
  };
  const fail = (problem: string): Error =>
    new Error(`${problem}; its console:\n${plain().slice(-4_000)}`);
  const late = delay(BOOT_MS, 'late' as const, { ref: false });
  const first = await Promise.race([
    beat.then(() => 'up' as const),
    ended.then(() => 'ended' as const),
    late,
  ]);
  if (first !== 'up') {
    await kill();
    throw fail(`the guest gave no heartbeat (${first})`);
  }
  return {
    ...{ socket, ended, kill, bootMs: Date.now() - startedMs },
    console: plain,
    isRunning: () => !over,
    printed: async (pattern, afterMatches = 0) => {
      for (const end = Date.now() + BOOT_MS; Date.now() < end && !over;) {
        const found = plain()
          .split(/\r?\n/)
          .slice(0, -1) // the last one may go on
          .filter((line) => pattern.test(line))[afterMatches];
        if (found !== undefined) return found;
        await delay(20);
      }
      throw fail(`the guest did not print ${String(pattern)}`);
    },
  };
}
