/**
 * CSV (RFC 4180) as a stream, in UTF-8 with or without byte order mark; records end with CRLF, LF or CR. Only the
 * configured columns are looked at, but every record must have as many fields as the first. The only file that
 * imports csv-parse.
 * @module
 */
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { DpcaError } from '../../src/errors.ts';
import { resolveColumns } from './resolve-columns.ts';
import type { TableReader } from './table-reader.ts';
import type { IngestedTable } from './table.ts';

/** A longer record is an unclosed quote or not CSV. */
const RECORD_CHARACTERS_MAX = 1 << 20;
const PROGRESS_EVERY_ROWS = 10_000;
const LF = 0x0a;

const PROBLEMS: Partial<Record<string, string>> = {
  CSV_INVALID_CLOSING_QUOTE: 'expected a delimiter or the end of the record after a closing quote',
  CSV_QUOTE_NOT_CLOSED: 'expected a closing quote before the end of the file',
  CSV_MAX_RECORD_SIZE: `expected a record of at most ${RECORD_CHARACTERS_MAX} characters (is a quote open?)`,
  INVALID_OPENING_QUOTE:
    'expected a quote only at the beginning of a field (double it inside quotes)',
};

export interface CsvShape {
  readonly header: boolean;
  readonly delimiter: string;
  /** null when unknown */
  readonly length: number | null;
}

/** Reads the whole stream; errors as {@link TableReader}, those of the stream itself pass through. */
export async function readCsv(
  input: Readable,
  file: string,
  shape: CsvShape,
  reader: TableReader,
): Promise<IngestedTable> {
  if (!/^[\t\x20-\x7e]$/.test(shape.delimiter) || shape.delimiter === '"') {
    throw new DpcaError('ERR_CONFIG', 'delimiter: expected one printable ASCII character or a tab');
  }
  let line = 1;
  let rows = 0;
  let width = 0;
  let indices: readonly number[] | undefined;
  const bytes = { read: 0 };

  const onRecord = (record: readonly string[]): null => {
    const began = line;
    line += 1 + lineBreaks(record);
    if (indices === undefined) {
      width = record.length;
      indices = resolveColumns(reader, file, shape.header ? record : null, width);
      if (shape.header) return null;
    }
    if (record.length !== width) {
      const got = `expected ${width} fields as in the first record, got ${record.length}`;
      reader.problems.add('ERR_INPUT_FORMAT', `${file}, line ${began}: ${got}`);
      return null;
    }
    reader.checkRows(file, rows + 1);
    reader.positions.mark(rows, file, 'line', began);
    for (const [column, index] of indices.entries()) reader.cell(column, rows, record[index] ?? '');
    rows += 1;
    if (rows % PROGRESS_EVERY_ROWS === 0) {
      reader.progress(rows, shape.length === null ? null : Math.min(1, bytes.read / shape.length));
    }
    return null;
  };

  const plain = new PlainLines(shape.delimiter, onRecord);
  const parser = parse({
    delimiter: shape.delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    max_record_size: RECORD_CHARACTERS_MAX,
    // Synchronous, so that every record before a syntax error has been seen when it arrives.
    on_record: onRecord,
  });
  parser.resume();
  try {
    await pipeline(
      input,
      (chunks: AsyncIterable<Buffer>) => utf8Chunks(chunks, file, bytes),
      (chunks: AsyncIterable<Buffer>) => plain.take(chunks),
      parser,
    );
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // The parser's own message quotes the field, so it is not passed on.
    const problem = PROBLEMS[error.code] ?? 'expected a CSV record (RFC 4180)';
    reader.problems.fatal('ERR_INPUT_FORMAT', `${file}, record at line ${line}: ${problem}`);
  }
  return reader.finish(rows, file);
}

/**
 * Splits what needs no parser: whole lines without any quote, ended by LF or CRLF, of which RFC 4180 leaves one reading.
 * That is most files, and five times faster. From the first other chunk on everything passes through to the parser.
 */
class PlainLines {
  readonly #delimiter: string;
  readonly #onRecord: (record: readonly string[]) => void;

  constructor(delimiter: string, onRecord: (record: readonly string[]) => void) {
    this.#delimiter = delimiter;
    this.#onRecord = onRecord;
  }

  async *take(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
    let rest: Buffer = Buffer.alloc(0);
    let plain = true;
    for await (const chunk of chunks) {
      if (!plain) {
        yield chunk;
        continue;
      }
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = rest.lastIndexOf(LF) + 1;
      const text = rest.toString('utf8', 0, end);
      plain = rest.length < RECORD_CHARACTERS_MAX && !/"|\r(?!\n)/.test(text);
      if (plain) {
        this.#records(text);
        rest = rest.subarray(end);
      } else yield rest;
    }
    // the last record may have no line end; what it means is the parser's to say
    if (plain && rest.length > 0) yield rest;
  }

  #records(text: string): void {
    for (let at = 0; at < text.length;) {
      const end = text.indexOf('\n', at);
      const line = text.slice(at, text[end - 1] === '\r' ? end - 1 : end);
      this.#onRecord(line.split(this.#delimiter));
      at = end + 1;
    }
  }
}

/** Strips the byte order mark of UTF-8 and refuses those of UTF-16. */
async function* utf8Chunks(
  chunks: AsyncIterable<Buffer>,
  file: string,
  bytes: { read: number },
): AsyncGenerator<Buffer, void, void> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    bytes.read += chunk.length;
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < 3) continue;
    yield withoutMark(head, file);
    head = undefined;
  }
  if (head !== undefined) yield withoutMark(head, file);
}

function withoutMark(head: Buffer, file: string): Buffer {
  const mark = head.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') {
    throw new DpcaError('ERR_INPUT_FORMAT', `${file}: expected UTF-8, got UTF-16`);
  }
  return head.subarray(0, 3).toString('hex') === 'efbbbf' ? head.subarray(3) : head;
}

/** Line breaks inside quoted fields, which move the lines of all later records. */
function lineBreaks(record: readonly string[]): number {
  let breaks = 0;
  for (const field of record) {
    if (/[\r\n]/.test(field)) breaks += field.split(/\r\n|\n|\r/).length - 1;
  }
  return breaks;
}
