/**
 * Trust anchors: certificates known by the SHA-256 of their DER, and the root of AWS Nitro (commercial partition),
 * whose fingerprint is asserted when this module is loaded, because a copied PEM is easily damaged.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';

/** SHA-256 of the root's DER (AWS publishes the hash of the ZIP beside it, 8cf60e2b..., which is another thing). */
export const AWS_NITRO_ROOT_FINGERPRINT =
  '641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b';

/** Public certificate of Amazon Web Services, CN=aws.nitro-enclaves, 2019-10-28 to 2049-10-28. */
export const AWS_NITRO_ROOT_PEM = `-----BEGIN CERTIFICATE-----
MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTEL
MAkGA1UEBhMCVVMxDzANBgNVBAoMBkFtYXpvbjEMMAoGA1UECwwDQVdTMRswGQYD
VQQDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMyODA1WhcNNDkxMDI4
MTQyODA1WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9uMQwwCgYDVQQL
DANBV1MxGzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEG
BSuBBAAiA2IABPwCVOumCMHzaHDimtqQvkY4MpJzbolL//Zy2YlES1BR5TSksfbb
48C8WBoyt7F2Bw7eEtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTPYwEoCWZE
h8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUkCW1DdkF
R+eWw5b6cp3PmanfS5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYC
MQCjfy+Rocm9Xue4YnwWmNJVA44fA0P5W2OpYow9OYCVRaEevL8uO1XYru5xtMPW
rfMCMQCi85sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPLb+6N
IwLz3/Y=
-----END CERTIFICATE-----
`;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** DER of exactly one PEM certificate (RFC 7468, strict: nothing around it); throws ROOT_FINGERPRINT. */
export function pemToDer(pem: string): Uint8Array {
  const match =
    /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/\n]+={0,2})\n-----END CERTIFICATE-----\n?$/.exec(
      pem.replaceAll('\r\n', '\n'),
    );
  const text = match?.[1]?.replaceAll('\n', '').replace(/=+$/, '');
  if (text === undefined || text.length % 4 === 1) {
    throw new DpcaError('ROOT_FINGERPRINT', 'expected one PEM certificate');
  }
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let count = 0;
  let at = 0;
  for (const char of text) {
    bits = ((bits << 6) | ALPHABET.indexOf(char)) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[at] = (bits >> count) & 255;
      at += 1;
    }
  }
  return out;
}

/** SHA-256 of a certificate's DER, hex. */
export function rootFingerprint(der: Uint8Array): string {
  return toHex(sha256(der));
}

/** The DER of a PEM certificate that must have the given fingerprint (ROOT_FINGERPRINT). */
export function loadRoot(pem: string, fingerprint: string): Uint8Array {
  const der = pemToDer(pem);
  if (rootFingerprint(der) !== fingerprint) {
    throw new DpcaError(
      'ROOT_FINGERPRINT',
      'the root certificate does not have its known fingerprint',
    );
  }
  return der;
}

/** A copy of the AWS root's DER. */
export function awsNitroRoot(): Uint8Array {
  return Uint8Array.from(AWS_NITRO_ROOT);
}

const AWS_NITRO_ROOT = loadRoot(AWS_NITRO_ROOT_PEM, AWS_NITRO_ROOT_FINGERPRINT);
