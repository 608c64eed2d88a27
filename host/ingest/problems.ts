/**
 * Everything that is wrong with an input, collected so that a person can mend it in one go: the first ten
 * problems in full, the rest counted. Texts name file, row, column and rule, never a value.
 * @module
 */
import { DpcaError, type ErrorCode } from '../../src/errors.ts';

const SHOWN = 10;
/** A wrongly mapped column fails in every row: reading on would only count rows. */
const STOP_AFTER = 100;

export class Problems {
  readonly #shown: string[] = [];
  #code: ErrorCode | undefined;
  #count = 0;

  /** Adds one problem; the hundredth ends the reading (throws). The first one gives the error its code. */
  add(code: ErrorCode, text: string): void {
    this.#code ??= code;
    this.#count += 1;
    if (this.#count <= SHOWN) this.#shown.push(text);
    if (this.#count === STOP_AFTER) this.throwIfAny();
  }

  /** Adds the problem after which nothing can be read, and throws. */
  fatal(code: ErrorCode, text: string): never {
    this.add(code, text);
    throw this.#error(code);
  }

  throwIfAny(): void {
    if (this.#code !== undefined) throw this.#error(this.#code);
  }

  #error(fallback: ErrorCode): DpcaError {
    const code = this.#code ?? fallback;
    const [first = '', ...rest] = this.#shown;
    if (this.#count === 1) return new DpcaError(code, first);
    const more = this.#count - SHOWN;
    const tail =
      this.#count < STOP_AFTER ? `and ${more} more` : 'and many more; reading stopped there';
    const lines = ['the input has several problems:', first, ...rest];
    if (more > 0) lines.push(tail);
    return new DpcaError(code, lines.join('\n  '));
  }
}
