/**
 * Starting a protocol before its result is needed, so that its first message does not wait for the peer's last one.
 * The bytes of each direction and their order stay the same.
 * @module
 */
import type { Protocol, ProtocolStep } from '../protocol.ts';

/** Runs `protocol` up to where it first waits for bytes and returns the rest of it. */
export function* start<T>(protocol: Protocol<T>): Protocol<Protocol<T>> {
  let next = protocol.next();
  while (next.done !== true && !('receive' in next.value)) {
    yield next.value;
    next = protocol.next();
  }
  return rest(protocol, next);
}

function* rest<T>(protocol: Protocol<T>, first: IteratorResult<ProtocolStep, T>): Protocol<T> {
  let next = first;
  while (next.done !== true) next = protocol.next(yield next.value);
  return next.value;
}
