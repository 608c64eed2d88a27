/**
 * Certificate files for wss between two hosts of one test: a CA and one leaf per host, for 127.0.0.1 and localhost.
 * @module
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

async function keyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** Writes ca.pem and, per name, NAME.pem and NAME.key into `folder`. */
export async function writeCertificates<N extends string>(
  folder: string,
  names: readonly N[],
): Promise<Readonly<Record<N, TlsPaths>>> {
  mkdirSync(folder, { recursive: true });
  const validity = {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
  };
  const issuer = await keyPair();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: '01',
    name: 'CN=test CA',
    keys: issuer,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const at = (file: string): string => join(folder, file);
  writeFileSync(at('ca.pem'), ca.toString('pem'));
  const made = await Promise.all(
    names.map(async (name, i) => {
      const keys = await keyPair();
      const leaf = await x509.X509CertificateGenerator.create({
        ...validity,
        serialNumber: `1${i}`,
        subject: `CN=${name}`,
        issuer: ca.subject,
        publicKey: keys.publicKey,
        signingKey: issuer.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.SubjectAlternativeNameExtension([
            { type: 'ip', value: '127.0.0.1' },
            { type: 'dns', value: 'localhost' },
          ]),
        ],
      });
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
      const body = pkcs8.toString('base64').replace(/.{64}/g, '$&\n');
      writeFileSync(at(`${name}.pem`), leaf.toString('pem'));
      writeFileSync(
        at(`${name}.key`),
        `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
        { mode: 0o600 },
      );
      return [
        name,
        { certificate: at(`${name}.pem`), key: at(`${name}.key`), ca: at('ca.pem') },
      ] as const;
    }),
  );
  return Object.fromEntries(made) as Record<N, TlsPaths>;
}
