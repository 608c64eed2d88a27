/**
 * Host side of a virtual machine's vsock where the host has none: vhost-device-vsock and Firecracker offer a unix
 * socket on which `CONNECT <port>` asks for a port of the guest and `OK <n>` answers; then the bytes are the stream's.
 * @module
 */
import { connect, type Socket } from 'node:net';
import { DpcaError } from '../../src/errors.ts';

/** A port on which nobody listens is not answered at all. */
const CONNECT_DEADLINE_MS = 5_000;
const MAX_LINE_BYTES = 32;

/** A connected stream to `port` of the guest behind the socket at `path` (ERR_ENCLAVE_LOST). */
export function connectEmulated(path: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let head = Buffer.alloc(0);
    const refuse = (problem: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new DpcaError('ERR_ENCLAVE_LOST', `the enclave's vsock port ${port}: ${problem}`));
    };
    const onReadable = (): void => {
      head = Buffer.concat([head, (socket.read() as Buffer | null) ?? Buffer.alloc(0)]);
      const end = head.indexOf('\n');
      if (end < 0 && head.length <= MAX_LINE_BYTES) return;
      // the number after OK is the backend's own; the first bytes of the stream may follow in the same chunk
      if (end < 0 || !/^OK [0-9]+\r?$/.test(head.toString('latin1', 0, end))) {
        return refuse('no orderly answer');
      }
      clearTimeout(timer);
      socket.off('readable', onReadable).off('error', onError).off('close', onClose);
      const rest = head.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      resolve(socket);
    };
    const onError = (error: Error): void => refuse(error.message);
    const onClose = (): void => refuse('closed');
    const timer = setTimeout(() => refuse('no answer'), CONNECT_DEADLINE_MS);
    socket.on('readable', onReadable).on('error', onError).on('close', onClose);
    socket.once('connect', () => socket.write(`CONNECT ${port}\n`));
  });
}
