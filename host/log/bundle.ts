/**
 * A log as a bundle, and what a log can take back from the other party's (docs/auditing.md sections 3 and 4).
 * @module
 */
import { type Bundle, readBundle, writeBundle } from '../../attestation/bundle.ts';
import { type Completion, hexes } from '../../attestation/log-record.ts';
import { MerkleTree } from '../../attestation/merkle.ts';
import { fromUtf8, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { LogOwner, LogStore } from './store.ts';

/** The whole log, with a fresh own signature on its head; deterministic. */
export function exportLog(store: LogStore, owner: LogOwner): Uint8Array {
  if (store.records.length === 0) {
    throw new DpcaError('ERR_LOG_RECORD', `${store.folder}: there is no log here`);
  }
  store.assertContinues(owner);
  const bytes = writeBundle({
    log: toHex(owner.log.publicKey),
    records: store.records,
    completions: store.completions().values(),
    witnessed: store.witnessed().map(fromUtf8),
    checkpoint: store.head(owner, 0).note,
  });
  readBundle(bytes);
  return bytes;
}

/**
 * What completes the own run of `session`, from the other party's bundle; undefined when that holds nothing more. The
 * caller audits the result: nothing is believed here.
 */
export function completionFrom(
  store: LogStore,
  peer: Bundle,
  session: string,
): Completion | undefined {
  const own = store.records.findIndex((_line, seq) => {
    const record = store.record(seq);
    return record.type === 'run' && record.receipt.session === session;
  });
  const theirs = peer.records.find((r) => r.type === 'run' && r.receipt.session === session);
  const completion = theirs === undefined ? undefined : peer.completions.get(theirs.seq);
  if (own < 0 || theirs === undefined || completion === undefined) return undefined;
  const { seq, prev, time, clock } = theirs;
  const { size } = noteHead(completion.checkpoint);
  const tree = new MerkleTree(peer.leaves);
  return {
    seq: own,
    opened: completion.opened,
    // each side keeps the other's cosigned checkpoint, so the two change places
    checkpoint: completion.peer.checkpoint,
    peer: {
      checkpoint: completion.checkpoint,
      envelope: { seq, prev, time, clock },
      inclusion: hexes(tree.inclusion(seq, size)),
    },
  };
}

function noteHead(note: string): { readonly size: number } {
  return { size: Number(note.split('\n')[1]) };
}
