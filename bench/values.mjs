// Permute-and-share: the owner's columns of u64 become shares in an order that only the permuter knows; then arithmetic
// on 2^17 rows of shares. Both sides run in this process, one step each in turn; CPU is what the process used during a
// side's steps, collection of garbage and compilation of code included. "setup" is the base transfers of a direction,
// once per run and direction. Of arithmetic, "owner" is party a.
//
//   npm run bench values
import { randomBytes } from 'node:crypto';
import { nodeCiphers } from '../dist/enclave/ciphers.js';
import { evaluate } from '../dist/src/mpc/evaluate.js';
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

const WORD = { owner: 'a', sharing: 'additive', bits: 64 };
const INTEGER = { owner: 'b', sharing: 'boolean', bits: 20 };
const ANY = { low: -(2n ** 63n), high: 2n ** 63n - 1n };

/** A word by one bit, a word by an integer of 20 bits, and a word in a range of 32 bits. */
const PROGRAMS = {
  select: [
    { op: 'word', column: 0 },
    { op: 'bit', column: 1, bit: 0 },
    { op: 'select', bit: 1, word: 0 },
  ],
  'multiply by 20 bits': [
    { op: 'word', column: 0 },
    { op: 'multiply', column: 1, signed: false, word: 0 },
  ],
  'within 32 bits': [
    { op: 'word', column: 0 },
    { op: 'within', word: 0, low: -5n, high: 1000n, width: 32 },
    { op: 'select', bit: 1, word: 0 },
  ],
};

function arithmetic(instructions, rows, there, back) {
  const moment = { word: instructions.length - 1, noise: [], ...ANY };
  const program = { columns: [WORD, INTEGER], instructions, moments: [moment], kept: [] };
  const side = (party, sender, receiver) =>
    evaluate({
      ...{ program, party, rows, sender, receiver, coins: new Uint8Array(0) },
      inputs: [WORD, INTEGER].map(() => new BigUint64Array(rng(8 * rows).buffer)),
    });
  return run(side('a', there.a, back.b), side('b', back.a, there.b));
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
  const back = run(otSender(context, nodeCiphers, rng), otReceiver(context, nodeCiphers, rng));
  for (const [what, instructions] of Object.entries(PROGRAMS)) {
    const done = arithmetic(instructions, 2 ** 17, setup, back);
    rows.push({
      what: `${what}, 2^17 rows`,
      ownerCpuSeconds: round(done.cpuA),
      permuterCpuSeconds: round(done.cpuB),
      wallSeconds: round(done.wall),
      megabytes: round(done.bytes / 1e6),
    });
  }
  return rows;
}
