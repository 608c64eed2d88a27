/**
 * Base oblivious transfers over ristretto255: "verified simplest OT" of Doerner, Kondi, Lee, shelat, Secure Two-party
 * Threshold ECDSA from ECDSA Assumptions (IEEE S&P 2018): Chou-Orlandi 2015 with a proof of knowledge of the sender's
 * exponent and a verification of the receiver's pads, which mends what was found missing in the original. Secure
 * against either malicious party in the random oracle model under computational Diffie-Hellman, but for this: a
 * cheating sender may stake the run on a guess of choice bits (selective failure), as it may in the extension anyway.
 * Every hash is bound to `context`. docs/values.md, "Base transfers".
 * @module
 */
import { ristretto255 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concat, equalConstantTime, wipe } from '../../bytes.ts';
import { lengthPrefixed, u16be, utf8 } from '../../encoding.ts';
import { DpcaError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import { type Protocol, pause, receive, send } from '../protocol.ts';

type Point = InstanceType<typeof ristretto255.Point>;
const { Point } = ristretto255;

const POINT_BYTES = 32;
const SCALAR_BYTES = 32;
const PAD_BYTES = 32;
/** Width of the table for the one point that the receiver multiplies again and again: a trade of measured time only. */
const WINDOW_BITS = 6;

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
  rng: Rng,
): Protocol<{ readonly zeros: Uint8Array[]; readonly ones: Uint8Array[] }> {
  const secret = randomScalar(rng);
  const publicPoint = Point.BASE.multiply(secret);
  const publicBytes = publicPoint.toBytes();
  yield* send(concat(publicBytes, proveExponent(secret, publicBytes, context, rng)));

  const offers = yield* receive(POINT_BYTES * count);
  const shift = publicPoint.multiply(secret);
  const zeros: Uint8Array[] = [];
  const ones: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const offer = offers.subarray(i * POINT_BYTES, (i + 1) * POINT_BYTES);
    const shared = decodePoint(offer).multiply(secret);
    zeros.push(padOf(context, i, publicBytes, offer, shared));
    ones.push(padOf(context, i, publicBytes, offer, shared.subtract(shift)));
    if (i % 16 === 15) yield* pause();
  }

  const zeroDigests = zeros.map((pad, i) => digest('open', context, i, pad));
  const oneDigests = ones.map((pad, i) => digest('open', context, i, pad));
  const expected = zeroDigests.map((pad, i) => digest('verify', context, i, pad));
  yield* send(
    concat(
      ...expected.map((zero, i) => xor(zero, digest('verify', context, i, at(oneDigests, i)))),
    ),
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
  rng: Rng,
): Protocol<Uint8Array[]> {
  const count = choices.length;
  const publicBytes = yield* receive(POINT_BYTES);
  const publicPoint = decodePoint(publicBytes);
  verifyExponent(publicBytes, yield* receive(POINT_BYTES + SCALAR_BYTES), context);
  publicPoint.precompute(WINDOW_BITS, false);

  const pads: Uint8Array[] = [];
  const offers: Uint8Array[] = [];
  const offset = [Point.ZERO, publicPoint];
  for (let i = 0; i < count; i++) {
    const secret = randomScalar(rng);
    const offer = Point.BASE.multiply(secret)
      .add(offset[at(choices, i)] ?? Point.ZERO)
      .toBytes();
    offers.push(offer);
    pads.push(padOf(context, i, publicBytes, offer, publicPoint.multiply(secret)));
    if (i % 16 === 15) yield* pause();
  }
  yield* send(concat(...offers));

  const challenges = yield* receive(PAD_BYTES * count);
  const digests = pads.map((pad, i) => digest('open', context, i, pad));
  const answers = digests.map((pad, i) => {
    const challenge = challenges.slice(i * PAD_BYTES, (i + 1) * PAD_BYTES);
    const mask = -at(choices, i);
    return xor(
      digest('verify', context, i, pad),
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
    const both = xor(digest('verify', context, i, zero), digest('verify', context, i, one));
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
  secret: bigint,
  publicBytes: Uint8Array,
  context: Uint8Array,
  rng: Rng,
): Uint8Array {
  const nonce = randomScalar(rng);
  const commitment = Point.BASE.multiply(nonce).toBytes();
  const challenge = proofChallenge(context, publicBytes, commitment);
  const response = Point.Fn.create(nonce + challenge * secret);
  return concat(commitment, Point.Fn.toBytes(response));
}

function verifyExponent(publicBytes: Uint8Array, proof: Uint8Array, context: Uint8Array): void {
  const commitment = proof.subarray(0, POINT_BYTES);
  const response = bytesToNumberLE(proof.subarray(POINT_BYTES));
  const challenge = proofChallenge(context, publicBytes, commitment);
  // everything here is public, so variable time is fine; a zero or unreduced response is never honest
  const valid =
    response > 0n &&
    response < Point.Fn.ORDER &&
    Point.BASE.multiplyUnsafe(response).equals(
      decodePoint(commitment).add(decodePoint(publicBytes).multiplyUnsafe(challenge)),
    );
  if (!valid) {
    throw new DpcaError('ERR_MPC_CHECK', 'base transfers: the proof of the sender does not verify');
  }
}

function proofChallenge(
  context: Uint8Array,
  publicBytes: Uint8Array,
  commitment: Uint8Array,
): bigint {
  const label = utf8('dpca/v1/ot/base/proof');
  return Point.Fn.create(
    bytesToNumberLE(sha512(lengthPrefixed(label, context, publicBytes, commitment))),
  );
}

function padOf(
  context: Uint8Array,
  index: number,
  publicBytes: Uint8Array,
  offer: Uint8Array,
  shared: Point,
): Uint8Array {
  const label = utf8('dpca/v1/ot/base/pad');
  return sha256(lengthPrefixed(label, context, u16be(index), publicBytes, offer, shared.toBytes()));
}

function digest(
  purpose: 'open' | 'verify',
  context: Uint8Array,
  index: number,
  value: Uint8Array,
): Uint8Array {
  return sha256(lengthPrefixed(utf8(`dpca/v1/ot/base/${purpose}`), context, u16be(index), value));
}

/** RFC 9496 decoding refuses what is not canonical; the identity is refused too, an honest peer never sends it. */
function decodePoint(bytes: Uint8Array): Point {
  let point: Point;
  try {
    point = Point.fromBytes(bytes);
  } catch {
    throw new DpcaError('ERR_MPC_POINT', 'expected a canonical ristretto255 element');
  }
  if (point.equals(Point.ZERO)) {
    throw new DpcaError('ERR_MPC_POINT', 'expected a ristretto255 element other than the identity');
  }
  return point;
}

/** Uniform in 1..l-1 up to a bias of 2^-250 from the reduction of 64 bytes. */
function randomScalar(rng: Rng): bigint {
  const bytes = rng(64);
  const scalar = Point.Fn.create(bytesToNumberLE(bytes));
  wipe(bytes);
  if (scalar === 0n) throw new DpcaError('ERR_INTERNAL', 'a random scalar is zero');
  return scalar;
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

function at<T>(list: { readonly [index: number]: T }, index: number): T {
  const value = list[index];
  if (value === undefined) throw new DpcaError('ERR_INTERNAL', 'an index is out of range');
  return value;
}
