/**
 * Logs: JSON lines on stderr, readable ones on a terminal (README.md). Nothing that identifies a person, no
 * key and no exact size may be logged; the redaction below is the second fence, not the first.
 * @module
 */
import type { Writable } from 'node:stream';
import { pino, type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';

export type Log = Logger;
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLog(stderr: Writable, pretty: boolean, level: LogLevel): Log {
  // formatted in place and not by a stream, so that logs, progress and errors keep their order
  const prettify = prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss' });
  const stream = pretty ? { write: (line: string) => stderr.write(prettify(line)) } : stderr;
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: ['privateKey', '*.privateKey', 'seed', '*.seed'],
    },
    stream,
  );
}
