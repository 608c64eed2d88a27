/**
 * Types only, so that the typings of third-party packages load without DOM and Node libraries (a pure layer names no
 * platform). Nothing here exists at run time; `fetch`, `process`, `setTimeout` stay compile errors.
 */
type Buffer = Uint8Array;
type Blob = object;
type BufferSource = ArrayBufferView | ArrayBuffer;
interface Algorithm {
  name: string;
}
type AlgorithmIdentifier = Algorithm | string;
interface EcKeyImportParams extends Algorithm {
  namedCurve: string;
}
interface EcKeyGenParams extends Algorithm {
  namedCurve: string;
}
interface EcdsaParams extends Algorithm {
  hash: AlgorithmIdentifier;
}
interface RsaHashedImportParams extends Algorithm {
  hash: AlgorithmIdentifier;
}
type KeyUsage = string;
interface CryptoKey {
  readonly type: string;
  readonly algorithm: Algorithm;
}
interface CryptoKeyPair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}
type Crypto = object;

declare module 'stream' {
  export const Transform: new () => object;
  export const Readable: new () => object;
}
