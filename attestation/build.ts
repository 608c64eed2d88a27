/**
 * What an enclave says of the software that it is: its measurement, which is attested, is what counts.
 * @module
 */
export const VERIFIER: { readonly developer: string; readonly build: string } = {
  developer: 'dpca-enclave',
  /** Version of package.json; a test compares. */
  build: '0.1.0',
};
