/**
 * Processes that hold the two sockets of an enclave in a private folder: the simulated enclave itself, or the relay in
 * front of a real one's vsock. They end when their host does.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DpcaError } from '../../src/errors.ts';
import { projectRoot } from '../cli/root.ts';
import { ENCLAVE_NODE_OPTIONS } from '../image/closure.ts';

const START_DEADLINE_MS = 20_000;
const EXIT_DEADLINE_MS = 5_000;

export interface SocketProcess {
  /** A connection to the socket of this name; ERR_ENCLAVE_LOST. */
  connect(name: string): Promise<Socket>;
  /** Resolves when the process is gone: by itself within a few seconds, else by SIGKILL. */
  close(): Promise<void>;
}

function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) => {
      reject(new DpcaError('ERR_ENCLAVE_LOST', "the enclave's socket refused", { cause }));
    });
  });
}

/** Waits for the process's first line on stdout, which says that its sockets are there. */
function ready(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (problem: string): void => {
      clearTimeout(timer);
      reject(new DpcaError('ERR_ENCLAVE_LOST', `the ${what} did not start: ${problem}`));
    };
    const timer = setTimeout(() => refuse('no answer'), START_DEADLINE_MS);
    child.once('error', (error) => refuse(error.message));
    const onExit = (code: number | null): void => refuse(`it ended with ${code ?? 'a signal'}`);
    child.once('exit', onExit);
    child.stdout?.once('data', () => {
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve();
    });
  });
}

/** Starts `command` with the arguments for its folder of sockets. */
async function startHolding(
  what: string,
  command: string,
  argumentsFor: (directory: string) => readonly string[],
): Promise<SocketProcess> {
  // short, private, and new each time: unix socket paths end at 107 bytes, and stale sockets break the start
  const directory = mkdtempSync(join(tmpdir(), 'dpca-'));
  const child = spawn(command, argumentsFor(directory), {
    // its stdin is a lifeline: it closes when this process ends, however that happens
    stdio: ['pipe', 'pipe', 'inherit'],
    // a terminal's Ctrl-C is for the host alone, which lets its enclave say goodbye to the peer
    detached: true,
    // cbor-x would load a prebuilt addon if it found one; the measured files are all that runs
    env: { PATH: process.env['PATH'] ?? '', CBOR_NATIVE_ACCELERATION_DISABLED: 'true' },
  });
  child.stdin.on('error', () => undefined); // it may have died first
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_DEADLINE_MS);
    child.stdin.end();
    await exited;
    clearTimeout(timer);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await ready(child, what);
  } catch (error) {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return { connect: (name) => connectSocket(join(directory, name)), close };
}

/** Arguments of Node up to and with the compiled entry of the simulated enclave. */
export function enclaveEntry(): readonly string[] {
  return [...ENCLAVE_NODE_OPTIONS, join(projectRoot(), 'dist', 'enclave', 'simulated.js')];
}

/** `rootFile` is the simulated root that stands for the hardware vendor's. */
export function startSimulatedEnclave(
  rootFile: string,
  recordDraws?: string,
): Promise<SocketProcess> {
  return startHolding('enclave', process.execPath, (directory) => [
    ...[...enclaveEntry(), '--sockets', directory, '--root', rootFile],
    ...(recordDraws === undefined ? [] : ['--record-draws', recordDraws]),
  ]);
}

/** The relay that the build puts there (enclave/init/build.mjs): unix sockets here, the enclave's vsock there. */
export function startRelay(
  cid: number,
  ports: { readonly control: number; readonly peer: number },
): Promise<SocketProcess> {
  const relay = join(projectRoot(), 'dist', 'enclave', 'init', 'init');
  return startHolding('relay', relay, (directory) => [
    '--lifeline',
    ...[`unix:${join(directory, 'control.sock')}`, `vsock:${cid}:${ports.control}`],
    ...[`unix:${join(directory, 'peer.sock')}`, `vsock:${cid}:${ports.peer}`],
  ]);
}
