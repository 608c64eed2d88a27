/**
 * Times of records as commands print them.
 * @module
 */

/** Beyond it a Date has no text; a record that somebody made up may say anything. */
const LAST_INSTANT = 8.64e15;

/** ISO 8601 in UTC. @param ms milliseconds since 1970 */
export function isoInstant(ms: number): string {
  return Math.abs(ms) <= LAST_INSTANT ? new Date(ms).toISOString() : `${ms} ms since 1970`;
}
