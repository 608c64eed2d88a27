/** Random mutations of a byte string, as a careless or hostile network would make them. @module */
import { UniformSource } from '../../../src/rng.ts';
import { seededRng } from './world.ts';

/** One to four of: flip a bit, set a byte, drop or repeat or swap a part, insert bytes, cut the end. */
export function mutator(seed: string): (original: Uint8Array) => Uint8Array {
  const source = new UniformSource(seededRng(seed));
  const below = (n: number): number => source.below(Math.max(1, n));
  const interesting = [
    0x00, 0x18, 0x1b, 0x40, 0x5f, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xd2, 0xf6, 0xf9, 0xff,
  ];
  const steps: ((bytes: number[]) => void)[] = [
    (bytes) => {
      const at = below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    },
    (bytes) => void (bytes[below(bytes.length)] = interesting[below(interesting.length)] ?? 0),
    (bytes) => void (bytes[below(bytes.length)] = below(256)),
    (bytes) => void bytes.splice(below(bytes.length), 1 + below(64)),
    (bytes) => {
      const at = below(bytes.length);
      bytes.splice(below(bytes.length), 0, ...bytes.slice(at, at + 1 + below(64)));
    },
    (bytes) =>
      void bytes.splice(below(bytes.length), 0, interesting[below(interesting.length)] ?? 0),
    (bytes) => void bytes.splice(below(bytes.length)),
  ];
  return (original) => {
    const bytes = [...original];
    for (let n = 1 + below(4); n > 0; n--) steps[below(steps.length)]?.(bytes);
    return Uint8Array.from(bytes);
  };
}
