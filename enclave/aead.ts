/**
 * AES-256-GCM by node:crypto (OpenSSL), for the handshake and the secure channel: the capability of src/session/aead.ts.
 * NIST SP 800-38D. No decisions here: a plaintext is handed out only after `final()` has checked the tag.
 * @module
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { AEAD_TAG_BYTES, type Aead } from '../src/session/aead.ts';

export const nodeAead: Aead = {
  seal(key, nonce, ad, plaintext, headroom = 0) {
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(ad);
    const body = cipher.update(plaintext);
    cipher.final(); // empty: GCM holds nothing back
    // every byte is written below; zero-filling 256 KiB first would cost as much as copying it
    const out = Buffer.allocUnsafeSlow(headroom + body.length + AEAD_TAG_BYTES);
    out.fill(0, 0, headroom);
    out.set(body, headroom);
    out.set(cipher.getAuthTag(), headroom + body.length);
    return new Uint8Array(out.buffer, out.byteOffset, out.length);
  },
  open(key, nonce, ad, ciphertext) {
    const end = ciphertext.length - AEAD_TAG_BYTES;
    if (end < 0) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, {
      authTagLength: AEAD_TAG_BYTES,
    });
    decipher.setAAD(ad);
    decipher.setAuthTag(ciphertext.subarray(end));
    const body = decipher.update(ciphertext.subarray(0, end));
    try {
      decipher.final();
    } catch {
      body.fill(0);
      return undefined;
    }
    return new Uint8Array(body.buffer, body.byteOffset, body.length);
  },
};
