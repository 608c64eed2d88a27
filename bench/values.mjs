// Permute-and-share: the owner's columns of u64 become shares in an order that only the permuter knows. Both sides run
// in this process, one step each in turn; CPU is what the process used during a side's steps, collection of garbage
// and compilation of code included. "setup" is the base transfers of the direction, once per run and direction.
//
//   npm run bench values
import { randomBytes } from 'node:crypto';
import { nodeCiphers } from '../dist/enclave/ciphers.js';
import { otReceiver, otSender } from '../dist/src/mpc/ot/soft-spoken.js';
import { permuteAsOwner, permuteAsPermuter } from '../dist/src/mpc/permute/permute-and-share.js';
import { UniformSource } from '../dist/src/rng.js';

const rng = (n) => new Uint8Array(randomBytes(n));

class Side {
  constructor(protocol) {
    this.protocol = protocol;
    this.inbox = [];
    this.waiting = 0;
    this.wanted = 0;
    this.sent = 0;
    this.cpu = 0;
  }

  put(bytes) {
    this.inbox.push(bytes);
    this.waiting += bytes.length;
  }

  take(n) {
    this.waiting -= n;
    const out = new Uint8Array(n);
    for (let at = 0; at < n;) {
      const part = this.inbox[0].subarray(0, n - at);
      out.set(part, at);
      at += part.length;
      if (part.length === this.inbox[0].length) this.inbox.shift();
      else this.inbox[0] = this.inbox[0].subarray(part.length);
    }
    return out;
  }

  // steps until it waits for bytes or has sent 1 MiB, which bounds what is on the way
  advance(peer) {
    const until = this.sent + (1 << 20);
    while (this.result === undefined && this.waiting >= this.wanted && this.sent < until) {
      const input = this.wanted > 0 ? this.take(this.wanted) : undefined;
      this.wanted = 0;
      const before = process.cpuUsage();
      const next = this.protocol.next(input);
      const { user, system } = process.cpuUsage(before);
      this.cpu += (user + system) / 1e6;
      if (next.done) this.result = { value: next.value };
      else if (next.value.send !== undefined) {
        this.sent += next.value.send.length;
        peer.put(next.value.send);
      } else this.wanted = next.value.receive ?? 0;
    }
  }
}

function run(a, b) {
  const [left, right] = [new Side(a), new Side(b)];
  const start = performance.now();
  while (left.result === undefined || right.result === undefined) {
    left.advance(right);
    right.advance(left);
  }
  return {
    a: left.result.value,
    b: right.result.value,
    cpuA: left.cpu,
    cpuB: right.cpu,
    bytes: left.sent + right.sent,
    wall: (performance.now() - start) / 1000,
  };
}

function wrongWords(columns, selection, { a, b }) {
  let wrong = 0;
  columns.forEach(({ words }, c) => {
    selection.forEach((row, i) => {
      if (BigInt.asUintN(64, a[c][i] + b[c][i]) !== words[row]) wrong += 1;
    });
  });
  return wrong;
}

const round = (value) => Math.round(value * 1000) / 1000;

export async function values() {
  const context = rng(32);
  const setup = run(otSender(context, nodeCiphers, rng), otReceiver(context, nodeCiphers, rng));
  const rows = [
    {
      what: 'setup',
      ownerCpuSeconds: round(setup.cpuA),
      permuterCpuSeconds: round(setup.cpuB),
      wallSeconds: round(setup.wall),
      megabytes: round(setup.bytes / 1e6),
    },
  ];
  for (const [exponent, count] of [
    [17, 1],
    [17, 4],
    [20, 1],
  ]) {
    const n = 2 ** exponent;
    const columns = Array.from({ length: count }, () => ({
      sharing: 'additive',
      words: new BigUint64Array(rng(8 * n).buffer),
    }));
    const selection = new UniformSource(rng).permutation(n);
    const done = run(
      permuteAsOwner(columns, n, setup.a, rng),
      permuteAsPermuter(
        columns.map(({ sharing }) => sharing),
        n,
        selection,
        setup.b,
      ),
    );
    const wrong = wrongWords(columns, selection, done);
    if (wrong > 0) throw new Error(`${wrong} shares do not open to the selected words`);
    rows.push({
      what: `2^${exponent} x ${count}`,
      ownerCpuSeconds: round(done.cpuA),
      permuterCpuSeconds: round(done.cpuB),
      wallSeconds: round(done.wall),
      megabytes: round(done.bytes / 1e6),
    });
  }
  return rows;
}
