/**
 * Which files of two images differ: for people who rebuilt an image and got other reference values.
 * @module
 */
import type { MeasuredImage } from '../../attestation/image/image.ts';
import { decodeCpio, type CpioEntry, type ForeignFields } from '../../attestation/image/cpio.ts';
import { utf8 } from '../../src/encoding.ts';
import { bootAndRoot } from './root.ts';

/** What can differ between two images, by name. */
export type Items = ReadonlyMap<string, Partial<ForeignFields> & Omit<CpioEntry, 'path'>>;

export interface Difference {
  readonly item: string;
  readonly kind: 'only in the first' | 'only in the second' | 'differs';
  /** What differs of it, in words. */
  readonly detail: string;
}

function add(items: Map<string, CpioEntry>, prefix: string, entries: readonly CpioEntry[]): void {
  for (const entry of entries) items.set(`${prefix}/${entry.path}`, entry);
}

/** Kernel, command line, metadata and every entry of every ramdisk (ERR_CPIO). The signature follows from the rest. */
export function itemsOfImage({ eif }: MeasuredImage): Items {
  const items = new Map<string, CpioEntry>();
  const part = (path: string, content: Uint8Array): void => {
    items.set(path, { path, kind: 'file', mode: 0o644, content });
  };
  part('kernel', eif.kernel);
  part('cmdline', utf8(eif.cmdline));
  part('metadata (not measured)', eif.metadata);
  eif.ramdisks.forEach((ramdisk, i) => add(items, `ramdisk${i}`, decodeCpio(ramdisk)));
  return items;
}

/** The entries of a root under the names that they have in an image of it (ERR_IMAGE_ROOT). */
export function itemsOfRoot(entries: readonly CpioEntry[]): Items {
  const items = new Map<string, CpioEntry>();
  bootAndRoot(entries).forEach((tree, i) => add(items, `ramdisk${i}`, tree));
  return items;
}

function contentDetail(a: Uint8Array, b: Uint8Array): readonly string[] {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at === -1 && a.length === b.length) return [];
  const from = at === -1 ? a.length : at;
  return [`content from byte ${from} on, ${a.length} and ${b.length} bytes`];
}

/** The differences in order of name; with `ramdisksOnly` what a root has not is left out. */
export function differences(a: Items, b: Items, ramdisksOnly: boolean): readonly Difference[] {
  const names = [...new Set([...a.keys(), ...b.keys()])].sort();
  return names.flatMap((item): readonly Difference[] => {
    if (ramdisksOnly && !item.startsWith('ramdisk')) return [];
    const [first, second] = [a.get(item), b.get(item)];
    if (first === undefined) return [{ item, kind: 'only in the second', detail: '' }];
    if (second === undefined) return [{ item, kind: 'only in the first', detail: '' }];
    const fields = (['kind', 'mode', 'uid', 'gid', 'mtime'] as const)
      .filter((name) => (first[name] ?? 0) !== (second[name] ?? 0))
      .map((name) => {
        const show = (value: string | number = 0): string =>
          name === 'mode' ? value.toString(8) : String(value);
        return `${name} ${show(first[name])} and ${show(second[name])}`;
      });
    const detail = [...fields, ...contentDetail(first.content, second.content)].join('; ');
    return detail === '' ? [] : [{ item, kind: 'differs', detail }];
  });
}
