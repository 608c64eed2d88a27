/** Base transfers and leaf seeds: right results, and a named code for every message that was changed. */
import { ed25519, ristretto255 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { lengthPrefixed, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { baseOtBytes, baseOtReceiver, baseOtSender } from '../../src/mpc/ot/base-ot.ts';
import { encodePoint, randomExponent } from '../../src/mpc/ot/points.ts';
import {
  BLOCKS,
  DEPTH,
  LEAVES,
  PUNCTURED_BYTES,
  choicesOf,
  growTrees,
  receiveTrees,
} from '../../src/mpc/ot/punctured.ts';
import { type PairOptions, runProtocols } from '../support/protocol-pair.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('setup of transfers');
const context = utf8('session');

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof DpcaError) return error.code;
    throw error;
  }
  return 'none';
}

type Element = InstanceType<typeof ristretto255.Point>;

/** The exponent that 32 random bytes stand for. */
function plainExponent(bytes: Uint8Array): { clamped: bigint; exponent: bigint; sign: number } {
  const clamped = (bytesToNumberLE(bytes) & ((1n << 255n) - 8n)) | (1n << 254n);
  const sign = bytes[31]! >> 7;
  return { clamped, exponent: ristretto255.Point.Fn.create(sign === 1 ? -clamped : clamped), sign };
}

/** The u of clamped x element: eight times any representative lies in the prime-order group. */
function uOf(element: Element, clamped: bigint): Uint8Array {
  const representative = ed25519.Point.fromAffine(element.toAffine());
  const { y } = representative
    .clearCofactor()
    .multiply(clamped / 8n)
    .toAffine();
  const { Fp } = ed25519.Point;
  return Fp.toBytes(Fp.div(1n + y, Fp.create(1n - y)));
}

/** The same residue, not in its one form. */
function plusOrder(z: Uint8Array): Uint8Array {
  return numberToBytesLE(bytesToNumberLE(z) + ristretto255.Point.Fn.ORDER, 32);
}

describe('base transfers', () => {
  const run = (choices: Uint8Array, options: PairOptions = {}, other = context) =>
    runProtocols(
      baseOtSender(choices.length, context, nodeCiphers, rng),
      baseOtReceiver(choices, other, nodeCiphers, rng),
      options,
    );

  it('give the receiver the pad of its choice and nothing else', () => {
    const choices = Uint8Array.of(0, 1, 1, 0, 1);
    const { a, b, sent } = run(choices);
    choices.forEach((choice, i) => {
      expect(b[i]).toEqual([a.zeros, a.ones][choice]![i]);
      expect(b[i]).not.toEqual([a.ones, a.zeros][choice]![i]);
    });
    expect(new Set([...a.zeros, ...a.ones].map((pad) => pad.join())).size).toBe(10);
    expect(sent).toEqual({ a: baseOtBytes(5).fromSender, b: baseOtBytes(5).fromReceiver });
  });

  it('are those of docs/values.md, computed plainly', () => {
    const drawn: Uint8Array[] = [];
    const sent: Uint8Array[] = [];
    const { a } = runProtocols(
      baseOtSender(2, context, nodeCiphers, (n) => {
        const bytes = rng(n);
        drawn.push(bytes.slice());
        return bytes;
      }),
      baseOtReceiver(Uint8Array.of(0, 1), context, nodeCiphers, rng),
      { tamper: (_, bytes) => sent.push(bytes.slice()) },
    );
    const { clamped, exponent } = plainExponent(drawn[0]!);
    const publicPoint = ristretto255.Point.BASE.multiply(exponent);
    expect(sent[0]!.subarray(0, 32)).toEqual(publicPoint.toBytes());
    for (let i = 0; i < 2; i++) {
      const offer = sent[1]!.subarray(32 * i, 32 * i + 32);
      const pad = (choice: number, element: Element) =>
        sha256(
          lengthPrefixed(
            ...[utf8('dpca/v1/ot/base/pad'), context, Uint8Array.of(0, i), Uint8Array.of(choice)],
            ...[publicPoint.toBytes(), offer, uOf(element, clamped)],
          ),
        );
      const element = ristretto255.Point.fromBytes(offer);
      expect(a.zeros[i]).toEqual(pad(0, element));
      expect(a.ones[i]).toEqual(pad(1, element.subtract(publicPoint)));
    }
  });

  it('have exponents of both signs, whose points are those of the generator', () => {
    const signs = new Set<number>();
    for (let i = 0; i < 24; i++) {
      const bytes = rng(32);
      const { exponent, sign } = plainExponent(bytes);
      const drawn = randomExponent(nodeCiphers, () => bytes.slice());
      expect(drawn.value).toBe(exponent);
      expect(encodePoint(drawn.point)).toEqual(
        ristretto255.Point.BASE.multiply(exponent).toBytes(),
      );
      signs.add(sign);
    }
    expect(signs.size).toBe(2);
  });

  it('have pads that differ even for an offer whose points for 0 and 1 are opposite', () => {
    // half the public point, as only a cheating receiver sends it: it knows neither pad, and cannot answer
    const { Point } = ristretto255;
    const half = Point.Fn.inv(2n);
    const seen: Uint8Array[] = [];
    let challenge: Uint8Array | undefined;
    const tamper: PairOptions['tamper'] = (from, bytes) => {
      seen.push(bytes.slice());
      if (from === 'b' && challenge === undefined) {
        bytes.set(Point.fromBytes(seen[0]!.subarray(0, 32)).multiply(half).toBytes());
        challenge = bytes;
      }
    };
    expect(() => run(Uint8Array.of(0), { tamper })).toThrowCode('ERR_MPC_CHECK');
    // H2(H1(pad0)) + H2(H1(pad1)) would be zero, were the pads equal
    expect(seen[2]!.some((byte) => byte !== 0)).toBe(true);
  });

  it.each([
    ['twice', 2n],
    ['minus', ristretto255.Point.Fn.ORDER - 1n],
  ])('give nothing to a receiver that offers %s the public element', (_, factor) => {
    let publicBytes: Uint8Array | undefined;
    const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
      if (offset > 0) return;
      if (from === 'a') publicBytes = bytes.slice(0, 32);
      else bytes.set(ristretto255.Point.fromBytes(publicBytes!).multiply(factor).toBytes());
    };
    expect(() => run(Uint8Array.of(0), { tamper })).toThrowCode('ERR_MPC_CHECK');
  });

  it.each([
    ['zero', () => new Uint8Array(32)],
    ['not reduced', plusOrder],
  ])('refuse a proof whose response is %s', (_, response) => {
    const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
      if (from === 'a' && offset === 0) bytes.set(response(bytes.slice(64, 96)), 64);
    };
    expect(() => run(Uint8Array.of(1), { tamper })).toThrowCode('ERR_MPC_CHECK');
  });

  it('refuse the public element as an offer', () => {
    let publicBytes = new Uint8Array(0);
    const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
      if (offset > 0) return;
      if (from === 'a') publicBytes = bytes.slice(0, 32);
      else bytes.set(publicBytes);
    };
    expect(() => run(Uint8Array.of(0), { tamper })).toThrowCode('ERR_MPC_POINT');
  });

  it('fail between different contexts', () => {
    expect(() => run(Uint8Array.of(0), {}, utf8('other'))).toThrowCode('ERR_MPC_CHECK');
  });

  it('end in a code wherever a bit is flipped', () => {
    const { fromSender, fromReceiver } = baseOtBytes(2);
    const codes = new Set<string>();
    for (const [side, length] of [
      ['a', fromSender],
      ['b', fromReceiver],
    ] as const) {
      for (let at = 0; at < length; at += 11) {
        const code = codeOf(() =>
          run(Uint8Array.of(1, 0), {
            tamper: (from, bytes, offset) => {
              if (from === side && at >= offset && at < offset + bytes.length) {
                bytes[at - offset]! ^= 1 << (at & 7);
              }
            },
          }),
        );
        expect(code, `${side} ${at}`).toMatch(/^ERR_MPC_(CHECK|POINT)$/);
        codes.add(code);
      }
    }
    expect(codes.size).toBe(2);
  });

  it.each([
    ['the identity', new Uint8Array(32)],
    ['a field element above p', new Uint8Array(32).fill(255)],
    ['a negative field element', Uint8Array.from({ length: 32 }, (_, i) => Number(i === 0))],
  ])('refuse %s as an element, from either side', (_, bad) => {
    for (const side of ['a', 'b'] as const) {
      const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
        if (from === side && offset === 0) bytes.set(bad);
      };
      expect(() => run(Uint8Array.of(1), { tamper })).toThrowCode('ERR_MPC_POINT');
    }
  });

  it('refuse a sender that does not know its exponent', () => {
    const other = ristretto255.Point.BASE.multiply(12345n).toBytes();
    const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
      if (from === 'a' && offset === 0) bytes.set(other);
    };
    expect(() => run(Uint8Array.of(1), { tamper })).toThrowCode('ERR_MPC_CHECK');
  });
});

describe('leaf seeds', () => {
  const deal = (indices: Uint8Array) => {
    const pads = Array.from({ length: 2 * BLOCKS * DEPTH }, () => rng(32));
    const zeros = pads.slice(0, BLOCKS * DEPTH);
    const ones = pads.slice(BLOCKS * DEPTH);
    const chosen = Array.from(choicesOf(indices), (c, i) => [zeros, ones][c]![i]!);
    return { zeros, ones, chosen };
  };
  const run = (indices: Uint8Array, options: PairOptions = {}) => {
    const { zeros, ones, chosen } = deal(indices);
    return runProtocols(
      receiveTrees(indices, chosen, context, nodeCiphers),
      growTrees({ zeros, ones }, context, nodeCiphers, rng),
      options,
    );
  };

  it('are all known to the other side but the one at its index, which stays unknown', () => {
    const indices = Uint8Array.from({ length: BLOCKS }, (_, i) => i % LEAVES);
    const { a, b, sent } = run(indices);
    expect(sent).toEqual({ a: 0, b: PUNCTURED_BYTES });
    expect(new Set(b.map((seed) => seed.join())).size).toBe(BLOCKS * LEAVES);
    const known = new Set(a.map((seed) => seed.join()));
    for (let block = 0; block < BLOCKS; block++) {
      for (let y = 0; y < LEAVES; y++) {
        const leaf = b[block * LEAVES + y]!;
        const position = y ^ indices[block]!;
        if (position === 0) {
          expect(known.has(leaf.join())).toBe(false);
          expect(a[block * LEAVES]).toEqual(new Uint8Array(16));
        } else expect(a[block * LEAVES + position]).toEqual(leaf);
      }
    }
  });

  it('are refused if any part that the index makes them use was changed', () => {
    const tree = PUNCTURED_BYTES / BLOCKS;
    let used = 0;
    for (let at = 3; at < PUNCTURED_BYTES; at += 211) {
      const indices = rng(BLOCKS).map((byte) => byte % LEAVES);
      const block = Math.floor(at / tree);
      const part = at % tree;
      // first, per level the sum of the left and of the right children; the side of the hole is not read
      const level = part >> 5;
      const side = (part >> 4) & 1;
      const hole = (indices[block]! >> (DEPTH - 1 - level)) & 1;
      const ignored = part < 32 * DEPTH && side === hole;
      const tamper: PairOptions['tamper'] = (_, bytes) => (bytes[at]! ^= 16);
      const code = codeOf(() => run(indices, { tamper }));
      expect(code, `byte ${at}`).toBe(ignored ? 'none' : 'ERR_MPC_CHECK');
      used += Number(!ignored);
    }
    expect(used).toBeGreaterThan(10);
  });

  it('are refused if the value of any one leaf differs, whichever the index is', () => {
    for (let index = 0; index < LEAVES; index++) {
      const indices = new Uint8Array(BLOCKS).fill(index);
      // the sum of all check values: the one that is taken from it is that of the index
      const tamper: PairOptions['tamper'] = (_, bytes) => (bytes[32 * DEPTH + 2]! ^= 1);
      expect(() => run(indices, { tamper })).toThrowCode('ERR_MPC_CHECK');
    }
  });
});
