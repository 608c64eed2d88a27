/**
 * The curve functions with a memory. Thousands of sessions that differ in one message repeat the same scalar
 * multiplications; all of them are pure, so remembering results changes nothing but the time.
 * Use: `vi.mock('@noble/curves/ed25519.js', memoised)`.
 * @module
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { toHex } from '../../src/encoding.ts';

const MAX_ENTRIES = 50_000;

function remember<R>(compute: (...args: Uint8Array[]) => R, copy: (value: R) => R) {
  const known = new Map<string, R>();
  return (...args: Uint8Array[]): R => {
    const key = args.map((arg) => (arg instanceof Uint8Array ? toHex(arg) : '')).join();
    let value = known.get(key);
    if (value === undefined) {
      value = compute(...args);
      if (known.size > MAX_ENTRIES) known.clear();
      known.set(key, value);
    }
    return copy(value); // callers wipe what they get
  };
}
const slice = (bytes: Uint8Array): Uint8Array => bytes.slice();

export async function memoised(original: () => Promise<typeof Curves>): Promise<object> {
  const curves = await original();
  const { x25519, ed25519 } = curves;
  return {
    ...curves,
    x25519: {
      ...x25519,
      getPublicKey: remember(x25519.getPublicKey, slice),
      getSharedSecret: remember((s, p) => x25519.getSharedSecret(s, p), slice),
    },
    ed25519: {
      ...ed25519,
      getPublicKey: remember(ed25519.getPublicKey, slice),
      sign: remember((m, k) => ed25519.sign(m, k), slice),
      verify: remember(
        (s, m, k) => ed25519.verify(s, m, k, { zip215: false }),
        (valid) => valid,
      ),
    },
  };
}
