/**
 * Length framing between an enclave and its own host: any way of cutting the stream gives the same frames.
 */
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex, u32be } from '../../src/encoding.ts';
import { FrameSplitter, frameHeader } from '../../src/wire/framing.ts';
import { bytesOf } from './annotated.ts';

const FRAMES = ['ab', 'c0ffee', '00', 'ff'.repeat(300), '00000001'].map(fromHex);
const STREAM = concat(...FRAMES.flatMap((frame) => [frameHeader(frame.length), frame]));
const EXPECTED = FRAMES.map(toHex);

/** Pushes the pieces one after another; frames are copied because a splitter hands out views. */
function split(pieces: readonly Uint8Array[], maxBytes = 300): string[] {
  const splitter = new FrameSplitter(maxBytes);
  return pieces.flatMap((piece) => splitter.push(piece).map(toHex));
}

describe('bytes', () => {
  it('are a length and a frame', () => {
    expect(concat(frameHeader(3), fromHex('c0ffee'))).toEqual(
      bytesOf([
        ['00000003', 'u32, big-endian, without itself'],
        ['c0ffee', 'the frame'],
      ]),
    );
  });
});

describe('a stream', () => {
  it('in one piece, and byte by byte', () => {
    expect(split([STREAM])).toEqual(EXPECTED);
    expect(split([...STREAM].map((byte) => Uint8Array.of(byte)))).toEqual(EXPECTED);
  });

  it('cut at every byte boundary, and at every two of the first frames', () => {
    for (let i = 0; i <= STREAM.length; i++) {
      expect(split([STREAM.subarray(0, i), STREAM.subarray(i)])).toEqual(EXPECTED);
    }
    const early = 30;
    for (let i = 0; i <= early; i++) {
      for (let j = i; j <= early; j++) {
        const pieces = [STREAM.subarray(0, i), STREAM.subarray(i, j), STREAM.subarray(j)];
        expect(split(pieces)).toEqual(EXPECTED);
      }
    }
  });

  it('gives a frame with its last byte and not before', () => {
    const splitter = new FrameSplitter(300);
    expect(splitter.push(STREAM.subarray(0, 4))).toEqual([]);
    expect(splitter.push(STREAM.subarray(4, 5)).map(toHex)).toEqual(['ab']);
    expect(splitter.push(new Uint8Array(0))).toEqual([]);
  });
});

describe('a length', () => {
  it.each([0, 301, 0x8000_0000, 0xffff_ffff])('of %i is refused before any byte of it', (n) => {
    expect(() => split([u32be(n)])).toThrowCode('ERR_WIRE_TOO_LARGE');
    // also as the last of the four bytes, and behind a good frame
    const bytes = concat(STREAM.subarray(0, 5), u32be(n));
    expect(() => split([...bytes].map((b) => Uint8Array.of(b)))).toThrowCode('ERR_WIRE_TOO_LARGE');
  });

  it('at the limit is accepted', () => {
    expect(split([frameHeader(300), new Uint8Array(300)])).toEqual(['00'.repeat(300)]);
  });
});
