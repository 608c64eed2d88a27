/**
 * Random oblivious transfer as a trusted dealer would do it, for tests of what is built on it: both sides derive the
 * pads from one seed and the number of the batch. Messages are as many and as long as `IDEAL_BYTES` says, all zero.
 * @module
 */
import type { TransferBytes } from '../../src/mpc/arithmetic/traffic.ts';
import { type Protocol, receive, send } from '../../src/mpc/protocol.ts';
import type { OtReceiver, OtSender } from '../../src/mpc/random-ot.ts';
import { seededRng } from './test-rng.ts';

/** Made up, so that batches are told apart: with a fixed part and one that grows in steps. */
export const IDEAL_BYTES: TransferBytes = (count) => ({
  fromReceiver: 24 + 3 * Math.ceil(count / 16),
  fromSender: 7,
});

interface Batch {
  readonly count: number;
  readonly padBytes: number;
}

/** One direction: the two ends of the same transfers. */
export function idealOt(seed: string | number): { sender: OtSender; receiver: OtReceiver } {
  const batches: Batch[] = [];
  const pads = (
    index: number,
    { count, padBytes }: Batch,
  ): { zeros: Uint8Array; ones: Uint8Array } => {
    const known = (batches[index] ??= { count, padBytes });
    if (known.count !== count || known.padBytes !== padBytes) {
      throw new Error('the two ends ask for different batches');
    }
    if (count === 0) throw new Error('an empty batch');
    if (padBytes % 8 !== 0) throw new Error('pads are multiples of 8 bytes');
    const draw = seededRng(`${seed} ideal batch ${index}`);
    return { zeros: draw(count * padBytes), ones: draw(count * padBytes) };
  };
  let sent = 0;
  let received = 0;
  const sender: OtSender = {
    *transfer(count, padBytes): Protocol<{ zeros: Uint8Array; ones: Uint8Array }> {
      const { fromReceiver, fromSender } = IDEAL_BYTES(count, padBytes);
      yield* receive(fromReceiver);
      yield* send(new Uint8Array(fromSender));
      return pads(sent++, { count, padBytes });
    },
    wipe: () => undefined,
  };
  const receiver: OtReceiver = {
    *transfer(count, padBytes, choices): Protocol<Uint8Array> {
      if (choices.length !== Math.ceil(count / 8)) throw new Error('choices of another length');
      const { fromReceiver, fromSender } = IDEAL_BYTES(count, padBytes);
      yield* send(new Uint8Array(fromReceiver));
      yield* receive(fromSender);
      const { zeros, ones } = pads(received++, { count, padBytes });
      const [out, other] = [new Int32Array(zeros.buffer), new Int32Array(ones.buffer)];
      const length = padBytes / 4;
      for (let at = 0; at < out.length; at++) {
        const i = Math.floor(at / length);
        if (((choices[i >> 3]! >> (i & 7)) & 1) === 1) out[at] = other[at]!;
      }
      return zeros;
    },
    wipe: () => undefined,
  };
  return { sender, receiver };
}
