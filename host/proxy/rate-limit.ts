/**
 * Connection attempts per remote address and minute, so that strangers cannot keep the listening proxy busy.
 * @module
 */
const WINDOW_MS = 60_000;
/** Attempts of one address per window; an operator who retries by hand stays far below. */
const PER_ADDRESS = 30;
/** Addresses remembered; beyond it everybody waits for the window to end. */
const MAX_ADDRESSES = 4_096;

export class RateLimit {
  private counts: Map<string, number> = new Map();
  private startMs = 0;

  /** Counts one attempt; false if it is one too many. */
  allow(address: string, nowMs: number): boolean {
    if (nowMs - this.startMs >= WINDOW_MS) {
      this.counts = new Map();
      this.startMs = nowMs;
    }
    const count = (this.counts.get(address) ?? 0) + 1;
    if (count === 1 && this.counts.size >= MAX_ADDRESSES) return false;
    this.counts.set(address, count);
    return count <= PER_ADDRESS;
  }
}
