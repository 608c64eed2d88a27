/**
 * Starts, shows and stops an enclave: by nitro-cli on a Nitro instance, by QEMU's machine of that kind elsewhere, or not
 * at all, because a simulated enclave is a process of each run. What runs is remembered in one folder per enclave.
 * @module
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DpcaError, orCode } from '../../src/errors.ts';
import { parseObject } from '../keys/files.ts';
import { PORTS } from './root.ts';
import { runTool } from './tool.ts';

export const PLATFORMS = ['nitro', 'qemu', 'simulated'] as const;
export type Platform = (typeof PLATFORMS)[number];

const NITRO_DEADLINE_MS = 300_000;
const HEARTBEAT_BYTE = 0xb7;
const HEARTBEAT_PORT = 9_000;
/** sun_path of Linux, less its NUL. */
const MAX_SOCKET_PATH = 107;
/** The backend loses larger writes of guests from Linux 6.12 on (docs/image.md section 5). */
const VSOCK_BUFFER_BYTES = 32_768;

export interface RunRequest {
  readonly eif: string;
  /** A folder of this enclave alone; new for QEMU, because stale sockets break its start. */
  readonly state: string;
  readonly memoryMib: number;
  readonly cpus: number;
  readonly cid: number;
  readonly qemu: string;
  readonly vsockBackend: string;
  readonly firmware: readonly string[];
  readonly bootSeconds: number;
  readonly signal: AbortSignal;
}

/** What is remembered of an enclave; `processes` are those of QEMU, each with its start time in clock ticks. */
export interface RunState {
  readonly platform: Platform;
  readonly enclaveId?: string;
  readonly processes?: readonly (readonly [number, string])[];
  /** The member `enclave` of a party's configuration. */
  readonly enclave: Readonly<Record<string, unknown>>;
}

function stateFile(folder: string): string {
  return join(folder, 'enclave.json');
}

function refuseState(problem: string): never {
  throw new DpcaError('ERR_IMAGE_STATE', problem);
}

function remember(folder: string, state: RunState): RunState {
  writeFileSync(stateFile(folder), `${JSON.stringify(state)}\n`, { mode: 0o600, flag: 'wx' });
  return state;
}

/** Starts an enclave and waits until it has booted (ERR_IMAGE_STATE, ERR_IMAGE_TOOL, ERR_ENCLAVE_LOST). */
export async function startImage(platform: Platform, request: RunRequest): Promise<RunState> {
  const { state, cid } = request;
  if (existsSync(stateFile(state))) {
    refuseState(`${state}: an enclave was started from here; stop it first`);
  }
  mkdirSync(state, { recursive: true, mode: 0o700 });
  switch (platform) {
    case 'simulated':
      return remember(state, { platform, enclave: { kind: 'simulated' } });
    case 'nitro': {
      const started = runTool('nitro-cli', nitroArguments(request), {
        timeoutMs: NITRO_DEADLINE_MS,
      });
      const enclaveId = parseObject(started, 'nitro-cli', 'ERR_IMAGE_TOOL')['EnclaveID'];
      if (typeof enclaveId !== 'string') {
        throw new DpcaError('ERR_IMAGE_TOOL', 'nitro-cli: expected an EnclaveID');
      }
      return remember(state, {
        platform,
        enclaveId,
        enclave: { kind: 'vsock', cid, ports: PORTS },
      });
    }
    case 'qemu':
      return startQemu(request);
  }
}

/** Never debug mode: such an enclave has zero PCRs and every policy refuses it. */
function nitroArguments({ eif, memoryMib, cpus, cid }: RunRequest): readonly string[] {
  return [
    ...['run-enclave', '--eif-path', eif, '--memory', String(memoryMib)],
    ...['--cpu-count', String(cpus), '--enclave-cid', String(cid)],
  ];
}

function startTimeOf(pid: number): string | undefined {
  try {
    // field 22 of proc(5); the command name before it may hold spaces
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
  } catch {
    return undefined;
  }
}

function detach(log: string, program: string, argv: readonly string[]): readonly [number, string] {
  const out = openSync(log, 'a', 0o600);
  const child = spawn(program, argv, { detached: true, stdio: ['ignore', out, out] });
  child.on('error', () => undefined); // seen below as a process that is not there
  child.unref();
  closeSync(out);
  const { pid } = child;
  const startedAt = pid === undefined ? undefined : startTimeOf(pid);
  if (pid === undefined || startedAt === undefined) {
    throw new DpcaError('ERR_IMAGE_TOOL', `${program} did not start`);
  }
  return [pid, startedAt];
}

function isAlive([pid, startedAt]: readonly [number, string]): boolean {
  return startTimeOf(pid) === startedAt;
}

function kill(processes: readonly (readonly [number, string])[]): void {
  // newest first: the machine before the backend of its vsock; a pid that was given to another process is left alone
  for (const process_ of [...processes].reverse()) {
    if (isAlive(process_)) process.kill(process_[0], 'SIGKILL');
  }
}

async function startQemu(request: RunRequest): Promise<RunState> {
  const { eif, state, memoryMib, cpus, qemu, vsockBackend, firmware, bootSeconds } = request;
  const [device, vsock, log] = ['device', 'vsock', 'console.log'].map((name) => join(state, name));
  if (device === undefined || vsock === undefined || log === undefined) return refuseState(state);
  const beat = `${vsock}_${HEARTBEAT_PORT}`;
  if (Buffer.byteLength(beat) > MAX_SOCKET_PATH) {
    refuseState(`${state}: expected a shorter path, for the sockets in it`);
  }
  if ([device, vsock, beat].some((path) => existsSync(path))) {
    refuseState(`${state}: sockets of an earlier enclave are in it; use a new folder`);
  }
  const processes: (readonly [number, string])[] = [];
  const booted = heartbeat(beat);
  try {
    processes.push(
      detach(log, vsockBackend, [
        '--vm',
        `guest-cid=4,socket=${device},uds-path=${vsock},tx-buffer-size=${VSOCK_BUFFER_BYTES}`,
      ]),
    );
    const deadline = performance.now() + bootSeconds * 1000;
    const wait = async (isDone: () => boolean, what: string): Promise<void> => {
      while (!isDone()) {
        if (request.signal.aborted) throw new DpcaError('ERR_INTERRUPTED', 'stopped while booting');
        if (performance.now() > deadline || !processes.every(isAlive)) {
          throw new DpcaError('ERR_ENCLAVE_LOST', `${what}; see ${log}`);
        }
        await delay(50);
      }
    };
    await wait(() => existsSync(device), 'the vsock backend did not start');
    processes.push(
      detach(log, qemu, [
        ...firmware.flatMap((folder) => ['-L', folder]),
        ...['-M', 'nitro-enclave,vsock=c,id=dpca', '-kernel', eif, '-append', 'parent_cid=2'],
        ...['-nographic', '-no-reboot', '-m', `${memoryMib}M`, '-smp', String(cpus)],
        // an accessible /dev/kvm proves nothing about the guest kernels that run on it
        ...['-accel', 'tcg,thread=multi', '-cpu', 'max'],
        ...['-chardev', `socket,id=c,path=${device}`],
      ]),
    );
    await wait(booted.isDone, 'the enclave did not boot');
  } catch (error) {
    kill(processes);
    throw error;
  } finally {
    booted.close();
  }
  const enclave = { kind: 'emulated', socket: vsock, ports: PORTS };
  return remember(state, { platform: 'qemu', processes, enclave });
}

/** Answers the one byte by which an enclave says that it has booted. */
function heartbeat(path: string): { readonly isDone: () => boolean; readonly close: () => void } {
  let done = false;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      if (data[0] !== HEARTBEAT_BYTE) return socket.destroy();
      done = true;
      return socket.write(Uint8Array.of(HEARTBEAT_BYTE));
    });
  });
  server.on('error', () => undefined); // then no heartbeat arrives
  server.listen(path);
  return { isDone: () => done, close: () => void server.close() };
}

/** What was started from `folder` (ERR_IMAGE_STATE when nothing was). */
export function stateOf(folder: string): RunState {
  if (!existsSync(stateFile(folder))) refuseState(`${folder}: no enclave was started from here`);
  const text = readFileSync(stateFile(folder), 'utf8');
  return parseObject(text, stateFile(folder), 'ERR_IMAGE_STATE') as unknown as RunState;
}

/** Whether it still runs; a simulated enclave is started by each run and counts as running. */
export function isRunning({ platform, enclaveId, processes = [] }: RunState): boolean {
  if (platform === 'simulated') return true;
  if (platform === 'qemu') return processes.length > 0 && processes.every(isAlive);
  const listed = runTool('nitro-cli', ['describe-enclaves'], { timeoutMs: NITRO_DEADLINE_MS });
  const enclaves = orCode('ERR_IMAGE_TOOL', 'nitro-cli: expected a JSON array', () => {
    return JSON.parse(listed) as readonly { EnclaveID?: string; State?: string }[];
  });
  return enclaves.some(({ EnclaveID, State }) => EnclaveID === enclaveId && State === 'RUNNING');
}

/** Ends it and forgets it; what ended by itself is only forgotten. */
export function stopImage(folder: string): void {
  const state = stateOf(folder);
  if (state.platform === 'nitro' && isRunning(state)) {
    const argv = ['terminate-enclave', '--enclave-id', state.enclaveId ?? ''];
    runTool('nitro-cli', argv, { timeoutMs: NITRO_DEADLINE_MS });
  }
  kill(state.processes ?? []);
  for (const name of ['enclave.json', 'device', 'vsock', `vsock_${HEARTBEAT_PORT}`]) {
    rmSync(join(folder, name), { force: true });
  }
}
