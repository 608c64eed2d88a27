/**
 * The enclave's randomness: AES-256-CTR keystream, keyed from the NSM and the kernel, re-keyed after every block
 * (fast key erasure, Bernstein 2017), so that memory read later does not give earlier coins. Fails closed: without
 * NSM randomness there is no generator.
 * @module
 */
import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { DpcaError } from '../src/errors.ts';
import type { Rng } from '../src/rng.ts';

const KEY_BYTES = 32;
const BLOCK_BYTES = 1 << 16;
const SEED_BYTES = 64;
/** The key is never used twice, so the counter may start at zero. */
const ZERO_IV: Uint8Array = new Uint8Array(16);

/** `nsmRandom` is GetRandom of the security module; at least 64 bytes of it go into the first key. */
export async function seededRng(nsmRandom: (n: number) => Promise<Uint8Array>): Promise<Rng> {
  const fromNsm = await nsmRandom(SEED_BYTES);
  if (fromNsm.length !== SEED_BYTES) {
    throw new DpcaError('ERR_RNG_SHORT', `expected ${SEED_BYTES} bytes from the NSM`);
  }
  const seed = Buffer.concat([fromNsm, randomBytes(SEED_BYTES)]);
  let key: Buffer = Buffer.from(
    hkdfSync('sha256', seed, new Uint8Array(0), 'dpca/v1/rng', KEY_BYTES),
  );
  seed.fill(0);

  const keystream = (n: number): Buffer => {
    const stream = createCipheriv('aes-256-ctr', key, ZERO_IV).update(Buffer.alloc(KEY_BYTES + n));
    key.fill(0);
    key = Buffer.from(stream.subarray(0, KEY_BYTES));
    stream.fill(0, 0, KEY_BYTES);
    return stream.subarray(KEY_BYTES);
  };

  let block: Buffer = Buffer.alloc(0);
  let at = 0;
  return (n) => {
    if (n > BLOCK_BYTES) return new Uint8Array(keystream(n));
    if (at + n > block.length) {
      block = keystream(BLOCK_BYTES);
      at = 0;
    }
    const out = new Uint8Array(n);
    out.set(block.subarray(at, at + n));
    block.fill(0, at, at + n);
    at += n;
    return out;
  };
}
