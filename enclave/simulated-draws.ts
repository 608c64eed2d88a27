/**
 * Writes down the first 32-byte draws of a simulated enclave, so that `dpca audit replay` can recompute the mask of the
 * run. They include the run's mask secrets and the session's keys; only the simulated entry links this file, and the
 * enclave image contains neither.
 * @module
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { toHex } from '../src/encoding.ts';
import type { Rng } from '../src/rng.ts';

const DRAW_BYTES = 32;
/** Session keys and mask secrets are drawn before the first row; later draws are fillers and scalars. */
const DRAWS = 32;

/** `rng`, with its first draws of 32 bytes appended to `path` (new, 0600), one line of hex each. */
export function recordingRng(rng: Rng, path: string): Rng {
  writeFileSync(path, '', { mode: 0o600, flag: 'wx' });
  let left = DRAWS;
  return (n) => {
    const drawn = rng(n);
    if (n === DRAW_BYTES && left > 0) {
      left -= 1;
      appendFileSync(path, `${toHex(drawn)}\n`);
    }
    return drawn;
  };
}
