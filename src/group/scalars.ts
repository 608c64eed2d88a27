/**
 * Secret scalars: clamped X25519 scalars, and pairs whose quotient is clamped again, so that re-keying a point from
 * a0 to aj is one ordinary X25519 of any implementation (docs/specification.md section 8).
 *
 * The quotient uses BigInt, whose time depends on its operands. It is computed once per column and run, inside the
 * enclave and on fresh keys; no peer can repeat or choose the computation. The hot path never sees a BigInt.
 * @module
 */
import { fixed, wipe } from '../bytes.ts';
import { DpcaError } from '../errors.ts';
import type { Rng } from '../rng.ts';
import type { Scalar } from './kernel.ts';

const SCALAR_BYTES = 32;
/** Order of the prime subgroup, RFC 7748 section 4.1; the curve has order 8 * ORDER. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** A draw succeeds with probability 1/2, so 128 failures mean that the random source repeats itself. */
const MAX_DRAWS = 128;

/** Checks the form of a clamped scalar: 32 bytes, multiple of 8, bit 254 set, below 2^255 (ERR_KERNEL_SCALAR). */
export function assertScalar(bytes: Uint8Array): Scalar {
  const low = bytes[0] ?? 0;
  const high = bytes[SCALAR_BYTES - 1] ?? 0;
  if (bytes.length !== SCALAR_BYTES || (low & 7) !== 0 || high >> 6 !== 1) {
    throw new DpcaError('ERR_KERNEL_SCALAR', 'expected a clamped X25519 scalar of 32 bytes');
  }
  return fixed(bytes, SCALAR_BYTES, 'scalar');
}

/** Uniform over the 2^251 clamped scalars (RFC 7748 section 5). None is 0 mod ORDER, since 8 * ORDER > 2^255. */
export function randomScalar(rng: Rng): Scalar {
  const bytes = rng(SCALAR_BYTES);
  if (bytes.length !== SCALAR_BYTES) {
    throw new DpcaError('ERR_RNG_SHORT', `expected 32 random bytes, got ${bytes.length}`);
  }
  bytes[0] = (bytes[0] ?? 0) & 0xf8;
  bytes[31] = ((bytes[31] ?? 0) & 0x3f) | 0x40;
  return assertScalar(bytes);
}

/**
 * Draws a scalar `aj` such that `ratio` = aj / a0 is a clamped scalar too: X25519(ratio, X25519(a0, P)) =
 * X25519(aj, P) for every P on the curve. Twice on average; costs aj one bit of its 251.
 *
 * The ratio is fixed by two congruences, aj / a0 mod ORDER and 0 mod 8, hence unique mod 8 * ORDER. A point on the
 * twist has another order and comes back as an unrelated tag, never as a match.
 */
export function drawRekeyable(
  rng: Rng,
  a0: Scalar,
): { readonly aj: Scalar; readonly ratio: Scalar } {
  const inverse = invert(toInteger(assertScalar(a0)) * 8n);
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const aj = randomScalar(rng);
    const lifted = ((toInteger(aj) * inverse) % ORDER) * 8n;
    if (lifted >> 254n === 1n) return { aj, ratio: assertScalar(toBytes(lifted)) };
    wipe(aj);
  }
  throw new DpcaError('ERR_INTERNAL', `no suitable scalar in ${MAX_DRAWS} draws`);
}

/** 1 / value mod ORDER by Fermat; ORDER is prime and value not a multiple of it. */
function invert(value: bigint): bigint {
  let result = 1n;
  let square = value % ORDER;
  for (let exponent = ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % ORDER;
    square = (square * square) % ORDER;
  }
  return result;
}

function toInteger(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: SCALAR_BYTES }, (_, i) =>
    Number((value >> BigInt(8 * i)) & 255n),
  );
}
