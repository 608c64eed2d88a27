/** The vector loops of src/mpc/simd against plain ones, bit by bit. */
import { describe, expect, it } from 'vitest';
import { DEPTH, LEAVES } from '../../src/mpc/ot/punctured.ts';
import { Kernel } from '../../src/mpc/simd/kernel.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('simd loops');
const bit = (bytes: Uint8Array, at: number) => (bytes[at >> 3]! >> (at & 7)) & 1;

describe('loops on 16-byte blocks', () => {
  it.each([128, 384])('transposes 128 columns of %i rows', (rows) => {
    const bytes = rows / 8;
    const kernel = new Kernel([128 * bytes, 16 * rows]);
    const [columns, target] = [kernel.region(128 * bytes), kernel.region(16 * rows)];
    const source = rng(128 * bytes);
    kernel.bytes(columns, source.length).set(source);
    for (let group = 0; group < 4; group++) {
      kernel.run.transpose(columns + group * 32 * bytes, bytes, target + 4 * group, rows / 128);
    }
    const out = kernel.bytes(target, 16 * rows);
    let wrong = 0;
    for (let column = 0; column < 128; column++) {
      for (let row = 0; row < rows; row++) {
        wrong += bit(source, column * rows + row) ^ bit(out, row * 128 + column);
      }
    }
    expect(wrong).toBe(0);
  });

  it('folds the streams of a block into the sums by position bit, and all of them with the choices', () => {
    const bytes = 48;
    const kernel = new Kernel([LEAVES * bytes, DEPTH * bytes, bytes, bytes]);
    const [leaves, columns, choices, correction] = [LEAVES, DEPTH, 1, 1].map((n) =>
      kernel.region(n * bytes),
    );
    const streams = rng(LEAVES * bytes);
    const r = rng(bytes);
    kernel.bytes(leaves!, streams.length).set(streams);
    kernel.bytes(choices!, bytes).set(r);
    kernel.run.fold(leaves!, bytes, columns!, bytes, choices!, correction!, bytes / 16);
    const sum = (take: (position: number) => boolean, start: (i: number) => number) =>
      Uint8Array.from({ length: bytes }, (_, i) => {
        let value = start(i);
        for (let y = 0; y < LEAVES; y++) if (take(y)) value ^= streams[y * bytes + i]!;
        return value;
      });
    for (let b = 0; b < DEPTH; b++) {
      const expected = sum(
        (y) => ((y >> b) & 1) === 1,
        () => 0,
      );
      expect(kernel.bytes(columns! + b * bytes, bytes)).toEqual(expected);
    }
    expect(kernel.bytes(correction!, bytes)).toEqual(
      sum(
        () => true,
        (i) => r[i]!,
      ),
    );
  });

  it('adds a column under a mask of zeros or ones', () => {
    const kernel = new Kernel([32, 32]);
    const [target, source] = [kernel.region(32), kernel.region(32)];
    const [t, s] = [rng(32), rng(32)];
    for (const mask of [0, -1]) {
      kernel.bytes(target, 32).set(t);
      kernel.bytes(source, 32).set(s);
      kernel.run.addMasked(target, source, mask, 2);
      expect(kernel.bytes(target, 32)).toEqual(t.map((byte, i) => byte ^ (s[i]! & mask)));
    }
  });
});
