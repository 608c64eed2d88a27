/**
 * Both ends of an OT extension with leaf seeds dealt by the test instead of base transfers, for tests that choose them.
 * @module
 */
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { BLOCKS, LEAVES } from '../../src/mpc/ot/punctured.ts';
import { SoftSpokenReceiver, SoftSpokenSender } from '../../src/mpc/ot/soft-spoken.ts';
import type { StreamingReceiver, StreamingSender } from '../../src/mpc/random-ot.ts';
import type { Rng } from '../../src/rng.ts';

export interface Transfers {
  readonly sender: StreamingSender;
  readonly receiver: StreamingReceiver;
}

export interface DealtTransfers extends Transfers {
  /** The sender's secret: for each block the leaf it does not know. */
  readonly indices: Uint8Array;
  /** Seed of leaf y of block b at LEAVES b + y. */
  readonly leaves: readonly Uint8Array[];
}

export function dealTransfers(
  rng: Rng,
  options: { indices?: Uint8Array; senderRng?: Rng; receiverRng?: Rng } = {},
): DealtTransfers {
  const context = new Uint8Array(4);
  const indices = options.indices ?? rng(BLOCKS).map((byte) => byte % LEAVES);
  const leaves = Array.from({ length: BLOCKS * LEAVES }, () => rng(16));
  const seen = leaves.map((_, i) => {
    const position = i % LEAVES;
    const leaf = position ^ indices[Math.floor(i / LEAVES)]!;
    return position === 0 ? new Uint8Array(16) : leaves[i - position + leaf]!.slice();
  });
  return {
    indices: indices.slice(),
    leaves: leaves.map((leaf) => leaf.slice()),
    sender: new SoftSpokenSender(
      seen,
      indices.slice(),
      context,
      nodeCiphers,
      options.senderRng ?? rng,
    ),
    receiver: new SoftSpokenReceiver(leaves, context, nodeCiphers, options.receiverRng ?? rng),
  };
}
