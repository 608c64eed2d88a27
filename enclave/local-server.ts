/**
 * The two unix sockets on which an enclave waits for its own host, one connection each: `control.sock` for
 * configuration, rows and events, `peer.sock` for opaque frames. On Nitro a relay puts vsock in front of them.
 * @module
 */
import { chmodSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type FramedHandlers, FramedStream } from '../src/wire/framed-stream.ts';
import { MAX_LOCAL_BYTES } from '../src/wire/limits.ts';

/** Listens on `<directory>/<name>`; the first connection is taken, later ones are closed. */
export async function acceptOne(
  directory: string,
  name: string,
  handlers: FramedHandlers,
): Promise<{ readonly stream: Promise<FramedStream>; readonly close: () => void }> {
  const path = join(directory, name);
  let taken: Socket | undefined;
  let resolve: (stream: FramedStream) => void = () => undefined;
  const stream = new Promise<FramedStream>((done) => (resolve = done));
  const server = createServer((socket) => {
    if (taken !== undefined) {
      socket.destroy();
      return;
    }
    taken = socket;
    server.close();
    resolve(new FramedStream(socket, MAX_LOCAL_BYTES, handlers));
  });
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen(path, listening);
  });
  chmodSync(path, 0o600);
  const close = (): void => {
    server.close();
    taken?.destroy();
  };
  return { stream, close };
}
