/**
 * The few messages between two host proxies before any frame of the enclaves: challenge, answer, and one byte that
 * says whether the caller may go on (docs/specification.md section 1).
 * @module
 */
import type { WebSocket } from 'ws';
import { DpcaError } from '../../src/errors.ts';
import type { KeyPair } from '../keys/keys.ts';
import { answerChallenge, newChallenge, verifyAnswer } from './challenge.ts';
import { binary } from './websocket.ts';

const GREETING_DEADLINE_MS = 5_000;
const VERDICT = { welcome: 1, busy: 2, refused: 3 } as const;

/** The next binary message, leaving the socket paused behind it; ERR_PEER_LOST when the socket closes, ERR_PEER_SILENT after five seconds. */
function nextMessage(socket: WebSocket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const lost = (): DpcaError =>
      new DpcaError('ERR_PEER_LOST', "the peer's host closed the connection");
    if (socket.readyState !== socket.OPEN) {
      reject(lost());
      return;
    }
    const settle = (error: unknown, message?: Uint8Array): void => {
      clearTimeout(timer);
      socket.pause(); // what follows is for the next reader
      socket.off('message', onMessage);
      socket.off('close', onClose);
      if (message !== undefined) resolve(message);
      else reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onClose = (): void => settle(lost());
    const onMessage = (data: Parameters<typeof binary>[0], isBinary: boolean): void => {
      try {
        settle(undefined, binary(data, isBinary));
      } catch (error) {
        settle(error);
      }
    };
    const timer = setTimeout(
      () => settle(new DpcaError('ERR_PEER_SILENT', "the peer's host did not answer in 5 s")),
      GREETING_DEADLINE_MS,
    );
    socket.on('message', onMessage);
    socket.on('close', onClose);
    socket.resume();
  });
}

/** The caller's side: proves the own identity to the listener that has the peer's. */
export async function greet(socket: WebSocket, own: KeyPair, listener: Uint8Array): Promise<void> {
  const challenge = await nextMessage(socket);
  socket.send(answerChallenge(challenge, own, listener));
  const [verdict, ...rest] = await nextMessage(socket);
  if (verdict === VERDICT.welcome && rest.length === 0) return;
  if (verdict === VERDICT.busy) {
    throw new DpcaError('ERR_PEER_BUSY', 'the peer is in a run, or has no approved run left');
  }
  throw new DpcaError('ERR_PEER_CHALLENGE', 'the peer does not know our identity key');
}

/** The listener's side; `claim` says whether a run may start now, and takes it. */
export async function admit(
  socket: WebSocket,
  own: Uint8Array,
  peer: Uint8Array,
  claim: () => boolean,
): Promise<void> {
  const challenge = newChallenge();
  socket.send(challenge);
  const refuse = (verdict: number, error: unknown): never => {
    socket.send(Uint8Array.of(verdict));
    socket.resume();
    socket.close();
    throw error;
  };
  const answer = await nextMessage(socket);
  try {
    verifyAnswer(challenge, answer, own, peer);
  } catch (error) {
    return refuse(VERDICT.refused, error);
  }
  if (!claim()) {
    return refuse(VERDICT.busy, new DpcaError('ERR_PEER_BUSY', 'a run is under way'));
  }
  socket.send(Uint8Array.of(VERDICT.welcome));
}
