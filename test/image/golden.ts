/**
 * The golden images of `../shared/vectors/eif.json`, which are not part of the project: tests that use them are skipped
 * where that folder is missing, and test/image/eif.test.ts derives its own expectations from the definition.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const FILE = resolve(import.meta.dirname, '../../../shared/vectors/eif.json');

type Input =
  | { readonly kind: 'repeat'; readonly hex: string; readonly count: number }
  | {
      readonly kind: 'counter';
      readonly start: number;
      readonly step: number;
      readonly length: number;
    }
  | { readonly kind: 'utf8'; readonly text: string }
  | { readonly kind: 'hex'; readonly hex: string }
  | { readonly kind: 'base64'; readonly base64: string }
  | { readonly kind: 'cpio'; readonly name: string };

interface Golden {
  readonly signer: {
    readonly private_scalar_hex: string;
    readonly certificate_pem: string;
    readonly certificate_der_sha384: string;
    readonly pcr8: string;
  };
  readonly cpio: readonly {
    readonly name: string;
    readonly entries: readonly {
      readonly path: string;
      readonly type: 'dir' | 'file' | 'link';
      readonly mode: string;
      readonly data?: Input;
      readonly target?: string;
    }[];
    readonly expected: {
      readonly length: number;
      readonly sha384: string;
      readonly base64_without_trailing_zeros: string;
    };
  }[];
  readonly eif: readonly {
    readonly name: string;
    readonly inputs: {
      readonly kernel: Input;
      readonly cmdline: string;
      readonly ramdisks: readonly Input[];
      readonly metadata: string;
      readonly signed: boolean;
    };
    readonly expected: {
      readonly pcrs: Readonly<Record<string, string>>;
      readonly section_types: readonly number[];
      readonly section_offsets: readonly number[];
      readonly section_sizes: readonly number[];
      readonly header_0_28_hex: string;
      readonly crc32_hex: string;
      readonly file_size: number;
      readonly file_sha384: string;
      readonly file_base64: string;
    };
  }[];
  readonly pcr: readonly {
    readonly name: string;
    readonly old: string;
    readonly data: Input;
    readonly expected: string;
  }[];
  readonly reject: readonly {
    readonly name: string;
    readonly base: string;
    readonly why: string;
    readonly fix_crc: boolean;
    readonly patch?: readonly { readonly offset: number; readonly hex: string }[];
    readonly truncate_to?: number;
    readonly append_hex?: string;
    readonly file_sha384: string;
  }[];
}

export const golden: Golden | undefined = existsSync(FILE)
  ? (JSON.parse(readFileSync(FILE, 'utf8')) as Golden)
  : undefined;

/** The bytes of an input; archives are looked up with `archive`. */
export function bytesOf(
  input: Input,
  archive: (name: string) => Uint8Array = () => new Uint8Array(),
): Uint8Array {
  switch (input.kind) {
    case 'repeat':
      return Buffer.from(input.hex.repeat(input.count), 'hex');
    case 'counter':
      return Uint8Array.from(
        { length: input.length },
        (_, i) => (input.start + i * input.step) & 255,
      );
    case 'utf8':
      return Buffer.from(input.text);
    case 'hex':
      return Buffer.from(input.hex, 'hex');
    case 'base64':
      return Buffer.from(input.base64, 'base64');
    case 'cpio':
      return archive(input.name);
  }
}
