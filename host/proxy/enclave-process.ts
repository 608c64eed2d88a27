/**
 * Starts the simulated enclave as a separate operating-system process and connects its two sockets: control (own
 * rows, events, release) and peer (opaque frames). The process ends when its host does.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DpcaError } from '../../src/errors.ts';
import { FramedStream, type FramedHandlers } from '../../src/wire/framed-stream.ts';
import { MAX_LOCAL_BYTES } from '../../src/wire/limits.ts';
import { projectRoot } from '../cli/root.ts';

const START_DEADLINE_MS = 20_000;
const EXIT_DEADLINE_MS = 5_000;

export interface EnclaveProcess {
  readonly pid: number;
  openControl(handlers: FramedHandlers): Promise<FramedStream>;
  openPeer(handlers: FramedHandlers): Promise<FramedStream>;
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

/** Waits for the enclave's one line on stdout, which says that its sockets are there. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (problem: string): void => {
      clearTimeout(timer);
      reject(new DpcaError('ERR_ENCLAVE_LOST', `the enclave did not start: ${problem}`));
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

/** The compiled entry of the simulated enclave. */
export function enclaveEntry(): string {
  return join(projectRoot(), 'dist', 'enclave', 'simulated.js');
}

/** `rootFile` is the simulated root that stands for the hardware vendor's. */
export async function startSimulatedEnclave(
  rootFile: string,
  recordDraws?: string,
): Promise<EnclaveProcess> {
  // short, private, and new each time: unix socket paths end at 107 bytes, and stale sockets break the start
  const directory = mkdtempSync(join(tmpdir(), 'dpca-'));
  const child = spawn(
    process.execPath,
    [
      ...[enclaveEntry(), '--sockets', directory, '--root', rootFile],
      ...(recordDraws === undefined ? [] : ['--record-draws', recordDraws]),
    ],
    {
      // its stdin is a lifeline: it closes when this process ends, however that happens
      stdio: ['pipe', 'pipe', 'inherit'],
      // a terminal's Ctrl-C is for the host alone, which lets its enclave say goodbye to the peer
      detached: true,
      // cbor-x would load a prebuilt addon if it found one; the measured files are all that runs
      env: { PATH: process.env['PATH'] ?? '', CBOR_NATIVE_ACCELERATION_DISABLED: 'true' },
    },
  );
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
    await ready(child);
  } catch (error) {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const open = async (name: string, handlers: FramedHandlers): Promise<FramedStream> =>
    new FramedStream(await connectSocket(join(directory, name)), MAX_LOCAL_BYTES, handlers);
  return {
    pid: child.pid ?? 0,
    openControl: (handlers) => open('control.sock', handlers),
    openPeer: (handlers) => open('peer.sock', handlers),
    close,
  };
}
