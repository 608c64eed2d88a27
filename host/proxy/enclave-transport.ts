/**
 * The way to the own enclave: two byte streams, control (own rows, events, release) and peer (opaque frames), whatever
 * lies between. One interface; simulated: unix sockets of a process; vsock: the same sockets, held by the relay that
 * Node needs in front of AF_VSOCK; emulated: the socket of a virtual machine's vsock. No decision depends on which.
 * @module
 */
import type { Socket } from 'node:net';
import { DpcaError } from '../../src/errors.ts';
import { type FramedHandlers, FramedStream } from '../../src/wire/framed-stream.ts';
import { MAX_LOCAL_BYTES } from '../../src/wire/limits.ts';
import type { EnclaveConfig } from '../config/config.ts';
import { connectEmulated } from './emulated-vsock.ts';
import { type SocketProcess, startRelay, startSimulatedEnclave } from './enclave-process.ts';

export interface EnclaveLink {
  openControl(handlers: FramedHandlers): Promise<FramedStream>;
  openPeer(handlers: FramedHandlers): Promise<FramedStream>;
  /** Ends both streams and, of a simulated enclave or a relay, the process. */
  close(): Promise<void>;
}

function behind(process: SocketProcess): EnclaveLink {
  const open = async (name: string, handlers: FramedHandlers): Promise<FramedStream> =>
    new FramedStream(await process.connect(name), MAX_LOCAL_BYTES, handlers);
  return {
    openControl: (handlers) => open('control.sock', handlers),
    openPeer: (handlers) => open('peer.sock', handlers),
    close: () => process.close(),
  };
}

/** Starts or reaches the enclave (ERR_ENCLAVE_LOST). @param recordDraws of a simulated enclave only */
export async function openEnclave(
  enclave: EnclaveConfig,
  recordDraws?: string,
): Promise<EnclaveLink> {
  if (enclave.kind === 'simulated') {
    return behind(await startSimulatedEnclave(enclave.root, recordDraws));
  }
  if (recordDraws !== undefined) {
    throw new DpcaError('ERR_USAGE', '--record-draws: only a simulated enclave shows its draws');
  }
  const { ports } = enclave;
  if (enclave.kind === 'vsock') return behind(await startRelay(enclave.cid, ports));
  const sockets: Socket[] = [];
  const open = async (port: number, handlers: FramedHandlers): Promise<FramedStream> => {
    const socket = await connectEmulated(enclave.socket, port);
    sockets.push(socket);
    return new FramedStream(socket, MAX_LOCAL_BYTES, handlers);
  };
  return {
    openControl: (handlers) => open(ports.control, handlers),
    openPeer: (handlers) => open(ports.peer, handlers),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return Promise.resolve();
    },
  };
}
