/**
 * Bytes and time of one run, before it is started: the payload of the matching (src/dp/planner.ts) and of the values
 * (src/mpc/matched.ts) with the framing of docs/specification.md, and kernel work at the rates of bench/results.
 * @module
 */
import { type MaskPlan, maskRows } from '../../src/dp/plan.ts';
import { payloadBytes } from '../../src/dp/planner.ts';
import { matchedBytes, matchedWork } from '../../src/mpc/matched.ts';
import type { Program } from '../../src/mpc/program.ts';
import { CHUNK_ELEMENTS } from '../../src/wire/limits.ts';

/** Column and first position in front of the records, frame type and AEAD tag around them, WebSocket header. */
const FRAME_OVERHEAD_BYTES = 5 + 17 + 10;
/** Handshake with both documents, manifest, commitments, release, heartbeats of a short run. */
const SESSION_BYTES = 16_000;
/** Seconds of one core per element, node:crypto kernel (bench/results, kernel). */
const HASH_SECONDS = 1 / 30_000;
const MULTIPLY_SECONDS = 1 / 21_000;

/** Seconds of one core for values, both enclaves together (bench/results, values). */
const SETUP_SECONDS = 0.13;
const SWITCH_SECONDS = 120e-9;
const WORD_SECONDS = 60e-9;
const TRANSFER_SECONDS = 270e-9;

/** Framing of a byte stream in frames of 256 KiB. */
const STREAM_OVERHEAD = 1 + 32 / 262_144;

export interface Traffic {
  /** Both directions together. */
  readonly bytes: number;
  /** Part of it that shares values and computes on them. */
  readonly valueBytes: number;
  /** Seconds of one core, both enclaves together, with nothing else running. */
  readonly cpuSeconds: number;
  /** Part of them for values. */
  readonly valueSeconds: number;
}

/** `common` rows are taken to match by their first identifier, and of the dummies half in each column. */
export function estimateTraffic(
  plan: MaskPlan,
  rowsA: number,
  rowsB: number,
  common: number,
  program?: Program,
): Traffic {
  const k = plan.columns.length;
  const perColumn = maskRows(plan);
  const dummies = perColumn.reduce((sum, rows) => sum + rows, 0);
  const sizes = perColumn.map((rows, column) => rows / 2 + (column === 0 ? common : 0));
  const { aToB, bToA } = payloadBytes(plan, rowsA, rowsB, sizes);
  const rows = [rowsA + dummies, rowsB + dummies];
  let frames = 0;
  let multiplications = 0;
  let open = rows;
  for (let column = 0; column < k; column++) {
    const chunks = (n: number): number => Math.ceil(n / CHUNK_ELEMENTS);
    for (const [side, n] of rows.entries()) {
      const left = open[side] ?? 0;
      // round 1 sends every column and answers the first; later rounds send and answer what is open
      frames += chunks(n) + chunks(left) * (column === 0 ? 1 : 2);
      multiplications += n + (column === 0 ? n : 2 * left);
    }
    const matched = sizes[column] ?? 0;
    open = open.map((n) => n - matched);
  }
  const hashes = k * ((rows[0] ?? 0) + (rows[1] ?? 0));
  const matched = Math.round(sizes.reduce((sum, size) => sum + size, 0));
  const values =
    program === undefined || program.columns.length === 0
      ? { bytes: 0, seconds: 0 }
      : estimateValues(program, { a: rows[0] ?? 0, b: rows[1] ?? 0 }, matched);
  const valueBytes = Math.round(values.bytes * STREAM_OVERHEAD);
  return {
    bytes: aToB + bToA + frames * FRAME_OVERHEAD_BYTES + SESSION_BYTES + valueBytes,
    valueBytes,
    cpuSeconds: hashes * HASH_SECONDS + multiplications * MULTIPLY_SECONDS + values.seconds,
    valueSeconds: values.seconds,
  };
}

function estimateValues(
  program: Program,
  rows: Parameters<typeof matchedBytes>[1],
  matched: number,
): { readonly bytes: number; readonly seconds: number } {
  const { a, b } = matchedBytes(program, rows, matched);
  const { setups, switches, words, transfers } = matchedWork(program, rows, matched);
  return {
    bytes: a + b,
    seconds:
      setups * SETUP_SECONDS +
      (switches * SWITCH_SECONDS + words * WORD_SECONDS) +
      transfers * TRANSFER_SECONDS,
  };
}
