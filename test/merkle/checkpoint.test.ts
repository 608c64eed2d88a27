/**
 * Signed notes: known answers of Go's note package and of C2SP, and every single-byte change of a cosigned checkpoint.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../../attestation/base64.ts';
import {
  assertCosignature,
  type Checkpoint,
  checkpointText,
  cosign,
  isSigned,
  keyId,
  type NoteSigner,
  openCheckpoint,
  parseNote,
  signCheckpoint,
  withCosignature,
} from '../../attestation/checkpoint.ts';
import { leafHash } from '../../attestation/merkle.ts';
import { toHex, utf8 } from '../../src/encoding.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('checkpoint');

function signer(name: string): NoteSigner {
  const secretKey = rng(32);
  return { name, secretKey, publicKey: ed25519.getPublicKey(secretKey) };
}

describe('known answers', () => {
  // golang.org/x/mod/sumdb/note, package documentation (BSD-3-Clause)
  const NOTE =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
  const KEY = {
    name: 'PeterNeumann',
    publicKey: fromBase64('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW').slice(1),
  };

  it('finds the key id and the signature of a note of Go', () => {
    const { text, lines } = parseNote(utf8(NOTE));
    expect(toHex(keyId(KEY, 1))).toBe('c74f20a3');
    expect(toHex(lines[0]!.blob.subarray(0, 4))).toBe('c74f20a3');
    expect(isSigned(utf8(text), KEY.publicKey, lines[0]!.blob.subarray(4))).toBe(true);
    expect(isSigned(utf8(`${text} `), KEY.publicKey, lines[0]!.blob.subarray(4))).toBe(false);
  });

  it('finds the key id of a cosigner', () => {
    // transparency-dev/formats, note/note_cosigv1_test.go (Apache-2.0)
    const publicKey = fromBase64('BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2').slice(1);
    expect(toHex(keyId({ name: 'remora.n621.de', publicKey }, 4))).toBe('da77ade7');
  });

  it('reads the example of c2sp.org/tlog-cosignature', () => {
    const note =
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
      '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n' +
      '— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n';
    const { lines } = parseNote(utf8(note));
    expect(lines.map((line) => line.name)).toEqual([
      'example.com/behind-the-sofa',
      'witness.example.com/w1',
    ]);
    expect(lines[1]!.blob.length).toBe(4 + 72);
  });
});

const log = signer('dpca-enclave/ledger/00112233445566778899aabbccddeeff');
const witness = signer('dpca-enclave/party/0011223344556677');
const other = signer('dpca-enclave/party/8899aabbccddeeff');
const checkpoint: Checkpoint = { origin: log.name, size: 7, root: leafHash(utf8('x')) };
const signed = signCheckpoint(checkpoint, log);
const cosignature = cosign(checkpoint, witness, 1_800_000_000n);
const note = withCosignature(signed, witness, cosignature);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('a checkpoint', () => {
  it('is read back with its cosignatures', () => {
    expect(openCheckpoint(signed, log, [])).toEqual({ ...checkpoint, cosignatures: [] });
    const opened = openCheckpoint(note, log, [other, witness]);
    expect(opened).toMatchObject(checkpoint);
    expect(opened.cosignatures.map(({ name, time }) => [name, time])).toEqual([
      [witness.name, 1_800_000_000n],
    ]);
    assertCosignature(checkpoint, witness, cosignature);
    expect(() => assertCosignature({ ...checkpoint, size: 8 }, witness, cosignature)).toThrowCode(
      'ERR_LOG_SIGNATURE',
    );
  });

  it('is refused after any change of a byte, and when cut anywhere', () => {
    for (let i = 0; i < note.length; i++) {
      const changed = note.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => openCheckpoint(changed, log, [witness])).toThrow();
      if (i === signed.length) continue; // the same note before it was cosigned
      expect(() => openCheckpoint(note.subarray(0, i), log, [witness])).toThrow();
    }
  });

  const line = text(note.subarray(signed.length));
  const edits: readonly [string, string][] = [
    ['unknown signature line', text(note).replace(line, '') + line.replace(witness.name, 'w')],
    ['cosignature twice', text(note) + line],
    ['no log signature', checkpointText(checkpoint) + '\n' + line],
    ['extension line', text(note).replace('\n\n', '\nmore\n\n')],
    ['leading zero', text(note).replace('\n7\n', '\n07\n')],
    ['other line feed', text(note).replaceAll('\n', '\r\n')],
    ['tab', text(note).replace('\u2014 ', '\u2014\t')],
    ['non-canonical base64', text(note).replace(/=\n\n/, '\n\n')],
    ['trailing text', `${text(note)}x`],
    ['trailing empty line', `${text(note)}\n`],
  ];
  it.each(edits)('is refused with: %s', (_what, edited) => {
    expect(() => openCheckpoint(utf8(edited), log, [witness])).toThrowCode('ERR_LOG_NOTE');
  });

  it('is refused under another key, name or for another log', () => {
    const open = (key: NoteSigner) => () => openCheckpoint(signed, key, []);
    expect(open({ ...log, publicKey: other.publicKey })).toThrowCode('ERR_LOG_NOTE');
    expect(open({ ...log, name: other.name })).toThrowCode('ERR_LOG_NOTE');
    const forged = signCheckpoint(checkpoint, { ...log, secretKey: other.secretKey });
    expect(() => openCheckpoint(forged, log, [])).toThrowCode('ERR_LOG_SIGNATURE');
  });

  it('cannot be cosigned by its own signature, nor signed by a cosignature', () => {
    const both = { ...log };
    const lines = parseNote(note).lines;
    const swapped = withCosignature(signed, both, lines[0]!.blob.subarray(4));
    expect(() => openCheckpoint(swapped, log, [both])).toThrowCode('ERR_LOG_SIGNATURE');
  });

  it('decodes base64 in one spelling only', () => {
    for (let n = 0; n < 40; n++) {
      const bytes = rng(n);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    }
    for (const bad of ['AA', 'AA=', 'AB==', 'A===', '====', 'AA==AA==', 'A-==', ' AA==']) {
      expect(() => fromBase64(bad)).toThrowCode('ERR_LOG_NOTE');
    }
  });
});
