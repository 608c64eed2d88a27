/**
 * `toThrowCode('ERR_X')` asserts the code of a DpcaError; messages are for people and may change.
 * @module
 */
import { expect } from 'vitest';
import { DpcaError, type ErrorCode } from '../../src/errors.ts';

function judge(caught: unknown, code: ErrorCode): { pass: boolean; message: () => string } {
  const got =
    caught instanceof DpcaError
      ? `${caught.code} (${caught.message})`
      : caught instanceof Error
        ? `untyped ${caught.name}: ${caught.message}`
        : 'nothing thrown';
  return {
    pass: caught instanceof DpcaError && caught.code === code,
    message: () => `expected ${code}, got ${got}`,
  };
}

expect.extend({
  toThrowCode(received: unknown, code: ErrorCode) {
    if (typeof received !== 'function') return judge(received, code);
    try {
      (received as () => unknown)();
    } catch (error) {
      return judge(error, code);
    }
    return judge(undefined, code);
  },
});

declare module 'vitest' {
  // declaration merging needs the parameter of the original
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface Matchers<T> {
    toThrowCode: (code: ErrorCode) => void;
  }
}
