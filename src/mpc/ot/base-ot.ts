/**
 * Base oblivious transfers over ristretto255: "verified simplest OT" of Doerner, Kondi, Lee, shelat, Secure Two-party
 * Threshold ECDSA from ECDSA Assumptions (IEEE S&P 2018): Chou-Orlandi 2015 with a proof of knowledge of the sender's
 * exponent and a verification of the receiver's pads, which mends what was found missing in the original. Secure
 * against either malicious party in the random oracle model under computational Diffie-Hellman, but for this: a
 * cheating sender may stake the run on a guess of choice bits (selective failure), as it may in the extension anyway.
 * Every hash is bound to `context`. docs/values.md, "Base transfers".
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { concat, equalConstantTime } from '../../bytes.ts';
import { u16be, u8 } from '../../encoding.ts';
import { DpcaError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import type { Ciphers } from '../ciphers.ts';
import { type Protocol, pause, receive, send } from '../protocol.ts';
import { type BoundHash, boundHash } from './bound-hash.ts';
import {
  type Exponent,
  POINT_BYTES,
  coordinates,
  decodePoint,
  encodePoint,
  randomExponent,
  sameElement,
} from './points.ts';

const { BASE, Fn } = ed25519.Point;
const SCALAR_BYTES = 32;
const PAD_BYTES = 32;

interface Hashes {
  readonly proof: BoundHash;
  readonly pad: BoundHash;
  readonly open: BoundHash;
  readonly verify: BoundHash;
}

function hashesOf(context: Uint8Array, { sha256, sha512 }: Ciphers): Hashes {
  return {
    proof: boundHash(sha512, 'dpca/v1/ot/base/proof', context),
    pad: boundHash(sha256, 'dpca/v1/ot/base/pad', context),
    open: boundHash(sha256, 'dpca/v1/ot/base/open', context),
    verify: boundHash(sha256, 'dpca/v1/ot/base/verify', context),
  };
}

/** Bytes each side sends for `count` transfers. */
export function baseOtBytes(count: number): { fromSender: number; fromReceiver: number } {
  return {
    fromSender: POINT_BYTES + POINT_BYTES + SCALAR_BYTES + 3 * PAD_BYTES * count,
    fromReceiver: POINT_BYTES * count + PAD_BYTES * count,
  };
}

/** Both pads of each transfer, 32 bytes each. */
export function* baseOtSender(
  count: number,
  context: Uint8Array,
  ciphers: Ciphers,
  rng: Rng,
): Protocol<{ readonly zeros: Uint8Array[]; readonly ones: Uint8Array[] }> {
  const hashes = hashesOf(context, ciphers);
  const secret = randomExponent(ciphers, rng);
  const nonce = randomExponent(ciphers, rng);
  const publicBytes = encodePoint(secret.point);
  yield* send(concat(publicBytes, proveExponent(secret, nonce, publicBytes, hashes)));

  const encoded = chunks(yield* receive(POINT_BYTES * count), POINT_BYTES);
  const offers = encoded.map((offer) => decodeOffer(offer, secret.point));
  yield* pause();
  const pads = [offers, offers.map((offer) => offer.subtract(secret.point))].map((points, choice) =>
    coordinates(points).map((u, i) =>
      padOf(hashes, i, choice, publicBytes, at(encoded, i), secret.ladder.times(u)),
    ),
  );
  const [zeros = [], ones = []] = pads;
  yield* pause();

  const zeroDigests = zeros.map((pad, i) => digest(hashes.open, i, pad));
  const oneDigests = ones.map((pad, i) => digest(hashes.open, i, pad));
  const expected = zeroDigests.map((pad, i) => digest(hashes.verify, i, pad));
  yield* send(
    concat(...expected.map((zero, i) => xor(zero, digest(hashes.verify, i, at(oneDigests, i))))),
  );
  const answers = yield* receive(PAD_BYTES * count);
  if (!equalConstantTime(answers, concat(...expected))) {
    throw new DpcaError('ERR_MPC_CHECK', 'base transfers: the pads of the receiver do not verify');
  }
  yield* send(concat(...zeroDigests.flatMap((zero, i) => [zero, at(oneDigests, i)])));
  return { zeros, ones };
}

/** The pad of each choice (0 or 1 per byte of `choices`), 32 bytes each. */
export function* baseOtReceiver(
  choices: Uint8Array,
  context: Uint8Array,
  ciphers: Ciphers,
  rng: Rng,
): Protocol<Uint8Array[]> {
  const hashes = hashesOf(context, ciphers);
  const count = choices.length;
  const publicBytes = yield* receive(POINT_BYTES);
  const publicPoint = decodePoint(publicBytes);
  verifyExponent(publicBytes, yield* receive(POINT_BYTES + SCALAR_BYTES), hashes);

  const pads: Uint8Array[] = [];
  const offers: Uint8Array[] = [];
  const [publicU = publicBytes] = coordinates([publicPoint]);
  for (let i = 0; i < count; i++) {
    const choice = at(choices, i);
    const { ladder, point } = randomExponent(ciphers, rng);
    const offer = encodePoint(at([point, point.add(publicPoint)], choice));
    offers.push(offer);
    pads.push(padOf(hashes, i, choice, publicBytes, offer, ladder.times(publicU)));
    if (i % 16 === 15) yield* pause();
  }
  yield* send(concat(...offers));

  const challenges = yield* receive(PAD_BYTES * count);
  const digests = pads.map((pad, i) => digest(hashes.open, i, pad));
  const answers = digests.map((pad, i) => {
    const challenge = challenges.slice(i * PAD_BYTES, (i + 1) * PAD_BYTES);
    const mask = -at(choices, i);
    return xor(
      digest(hashes.verify, i, pad),
      challenge.map((byte) => byte & mask),
    );
  });
  yield* send(concat(...answers));

  const openings = yield* receive(2 * PAD_BYTES * count);
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const zero = openings.subarray(2 * i * PAD_BYTES, (2 * i + 1) * PAD_BYTES);
    const one = openings.subarray((2 * i + 1) * PAD_BYTES, (2 * i + 2) * PAD_BYTES);
    const mask = -at(choices, i);
    const own = zero.map((byte, b) => byte ^ ((byte ^ at(one, b)) & mask));
    const both = xor(digest(hashes.verify, i, zero), digest(hashes.verify, i, one));
    const challenge = challenges.subarray(i * PAD_BYTES, (i + 1) * PAD_BYTES);
    wrong |= Number(!equalConstantTime(own, at(digests, i)));
    wrong |= Number(!equalConstantTime(both, challenge));
  }
  if (wrong !== 0) {
    throw new DpcaError('ERR_MPC_CHECK', 'base transfers: the pads of the sender do not verify');
  }
  return pads;
}

/** Schnorr's proof of knowledge of `secret`, made non-interactive by Fiat-Shamir: commitment || response. */
function proveExponent(
  secret: Exponent,
  nonce: Exponent,
  publicBytes: Uint8Array,
  hashes: Hashes,
): Uint8Array {
  const commitment = encodePoint(nonce.point);
  const challenge = proofChallenge(hashes, publicBytes, commitment);
  return concat(commitment, Fn.toBytes(Fn.create(nonce.value + challenge * secret.value)));
}

function verifyExponent(publicBytes: Uint8Array, proof: Uint8Array, hashes: Hashes): void {
  const commitment = proof.subarray(0, POINT_BYTES);
  const response = bytesToNumberLE(proof.subarray(POINT_BYTES));
  const challenge = proofChallenge(hashes, publicBytes, commitment);
  // everything here is public, so variable time is fine; a zero or unreduced response is never honest
  const valid =
    response > 0n &&
    response < Fn.ORDER &&
    sameElement(
      // a copy: the library would first build the generator's table, which costs more than all that follows
      ed25519.Point.fromAffine(BASE.toAffine()).multiplyUnsafe(response),
      decodePoint(commitment).add(decodePoint(publicBytes).multiplyUnsafe(challenge)),
    );
  if (!valid) {
    throw new DpcaError('ERR_MPC_CHECK', 'base transfers: the proof of the sender does not verify');
  }
}

function proofChallenge(hashes: Hashes, publicBytes: Uint8Array, commitment: Uint8Array): bigint {
  return Fn.create(bytesToNumberLE(hashes.proof(publicBytes, commitment)));
}

/** With the choice, because an offer of half the public point gives opposite points, which have one u. */
function padOf(
  hashes: Hashes,
  index: number,
  choice: number,
  publicBytes: Uint8Array,
  offer: Uint8Array,
  shared: Uint8Array,
): Uint8Array {
  return hashes.pad(u16be(index), u8(choice), publicBytes, offer, shared);
}

function digest(hash: BoundHash, index: number, value: Uint8Array): Uint8Array {
  return hash(u16be(index), value);
}

/** An offer of the public point itself, which is not honest either, would have no pad for choice 1. */
function decodeOffer(bytes: Uint8Array, publicPoint: Exponent['point']): Exponent['point'] {
  const offer = decodePoint(bytes);
  if (sameElement(offer, publicPoint)) {
    throw new DpcaError('ERR_MPC_POINT', 'expected an offer other than the public element');
  }
  return offer;
}

function chunks(bytes: Uint8Array, length: number): Uint8Array[] {
  return Array.from({ length: bytes.length / length }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  );
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

function at<T>(list: { readonly [index: number]: T }, index: number): T {
  const value = list[index];
  if (value === undefined) throw new DpcaError('ERR_INTERNAL', 'an index is out of range');
  return value;
}
