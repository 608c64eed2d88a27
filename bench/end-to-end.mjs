// End to end: both parties on this machine, four processes, real WebSockets, 50 % overlap. CPU seconds (also of the
// enclaves' main threads alone) and peak memory of every process are read from /proc; those until the peer is attested
// are given beside and not counted.
import { execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const entry = join(root, 'dist', 'host', 'dpca.js');
const COLUMNS = ['email', 'phone', 'device'];
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 20;

function dpca(cwd, ...args) {
  return execFileSync(process.execPath, [entry, ...args, '--json', '--quiet'], {
    cwd,
    maxBuffer: 1 << 28,
  }).toString();
}

/** Half of the rows are common; a common row shares every identifier. */
function writeTable(path, party, rows, columns) {
  const file = openSync(path, 'w');
  let text = `${COLUMNS.slice(0, columns).join(',')},spend\n`;
  for (let i = 0; i < rows; i++) {
    const person = i < rows / 2 ? `${i}` : `${party}${i}`;
    const cells = [`person.${person}@example.org`, `phone-${person}`, `device-${person}`];
    text += `${cells.slice(0, columns).join(',')},${i % 1000}\n`;
    if (text.length > 1 << 20) {
      writeSync(file, text);
      text = '';
    }
  }
  writeSync(file, text);
  closeSync(file);
}

function party(folder, name) {
  const at = join(folder, name);
  mkdirSync(at);
  dpca(at, 'keys', 'new', '--out', 'keys', '--name', name);
  dpca(at, 'keys', 'sim-root', '--out', 'sim-root.json');
  const peer = ['--keys', 'keys', '--simulated-root', 'sim-root.json'];
  const out = dpca(at, 'peers', 'export', ...peer, '--out', join(folder, `${name}.peer.json`));
  return JSON.parse(out).fingerprint;
}

function prepare(folder, rows, columns, values) {
  const fingerprints = { a: party(folder, 'a'), b: party(folder, 'b') };
  const measurement = join(folder, 'measurement.json');
  writeFileSync(measurement, dpca(folder, 'measure'));
  const shared = COLUMNS.slice(0, columns);
  for (const [name, other] of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    const at = join(folder, name);
    writeTable(join(at, 'data.csv'), name, rows, columns);
    dpca(
      at,
      'peers',
      'add',
      join(folder, `${other}.peer.json`),
      '--into',
      'peers',
      '--fingerprint',
      fingerprints[other],
    );
    dpca(
      at,
      'policy',
      'init',
      '--from-measure',
      measurement,
      '--peers',
      'peers',
      '--out',
      'policy.json',
    );
  }
  const map = shared.flatMap((column) => ['--map', `${column}=${column}`]);
  const spend = values === 0 ? [] : ['--map', 'spend=spend'];
  dpca(
    join(folder, 'a'),
    ...[
      'manifest',
      'init',
      '--out',
      '.',
      '--party',
      'a',
      '--own',
      '../a.peer.json',
      '--other',
      '../b.peer.json',
    ],
    ...['--purpose', 'benchmark', ...shared.flatMap((column) => ['--column', `${column}:none`])],
    ...['--country', 'US', '--epsilon', '2', '--delta', '0.00000001', '--runs', '10'],
    ...[
      '--rows',
      String(rows),
      '--other-rows',
      String(rows),
      '--data',
      'data.csv',
      ...map,
      ...spend,
    ],
    ...(values === 0
      ? []
      : ['--value', 'spend:a:0:1000', '--statistic', 'count', '--statistic', 'sum:spend']),
    ...['--listen', '127.0.0.1:0'],
  );
  const manifest = readFileSync(join(folder, 'a', 'manifest.json'));
  writeFileSync(join(folder, 'b', 'manifest.json'), manifest);
  dpca(
    join(folder, 'b'),
    'manifest',
    'init',
    '--out',
    '.',
    '--party',
    'b',
    '--from',
    'manifest.json',
    '--data',
    'data.csv',
    ...map,
  );
  for (const name of ['a', 'b']) dpca(join(folder, name), 'ledger', 'init');
  return JSON.parse(manifest);
}

/** User and system CPU seconds in a stat file of /proc. */
function cpuOf(path) {
  const stat = readFileSync(path, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds, of all threads and of the main one, and peak resident MiB of one process, as long as it is there. */
function usage(pid, last) {
  try {
    const cpu = cpuOf(`/proc/${pid}/stat`);
    const main = cpuOf(`/proc/${pid}/task/${pid}/stat`);
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return { cpu, main, peak: peak === null ? last.peak : Number(peak[1]) / 1024 };
  } catch {
    return last;
  }
}

function childOf(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? undefined : Number(children.split(' ')[0]);
  } catch {
    return undefined;
  }
}

/** Bytes that have crossed the loopback device, with TCP's headers; host and enclave talk over unix sockets. */
function loopbackBytes() {
  const lo = /^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'utf8'));
  if (lo === null) throw new Error('expected a loopback device');
  return Number(lo[1]);
}

class Watched {
  constructor(folder, args) {
    this.events = [];
    this.host = this.enclave = { cpu: 0, main: 0, peak: 0 };
    const child = spawn(process.execPath, [entry, ...args, '--json'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pid = child.pid;
    this.out = '';
    child.stdout.on('data', (chunk) => (this.out += chunk));
    this.ended = new Promise((resolve) => child.once('close', resolve));
    createInterface(child.stderr).on('line', (line) => {
      let event;
      try {
        event = JSON.parse(line);
      } catch {
        return;
      }
      this.sample();
      this.events.push({ ...event, at: performance.now(), cpu: this.host.cpu + this.enclave.cpu });
      if (event.msg === 'the peer is attested')
        this.attested = { at: performance.now(), host: this.host, enclave: this.enclave };
      if (event.error !== undefined) console.error(line);
    });
    this.timer = setInterval(() => this.sample(), SAMPLE_MS);
    this.ended.then(() => clearInterval(this.timer));
  }

  sample() {
    this.host = usage(this.pid, this.host);
    this.enclavePid ??= childOf(this.pid);
    if (this.enclavePid !== undefined) this.enclave = usage(this.enclavePid, this.enclave);
  }

  async until(message) {
    for (;;) {
      const found = this.events.find(({ msg }) => msg === message);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** CPU seconds of both parties' processes by phase, as the hosts report phases, from attestation on. */
function phasesOf(parties) {
  const spent = new Map();
  for (const { events, host, enclave, attested } of parties) {
    let cpu = attested.host.cpu + attested.enclave.cpu;
    let name = 'attested';
    const until = (now, next) => {
      spent.set(name, (spent.get(name) ?? 0) + now - cpu);
      [name, cpu] = [next, now];
    };
    for (const { msg, phase, at, cpu: now } of events) {
      if (msg !== 'phase' || at < attested.at) continue;
      // a column is first the own one, then the peer's
      until(now, phase === name || phase === `${name} (peer)` ? `${phase} (peer)` : phase);
    }
    until(host.cpu + enclave.cpu, '');
  }
  const total = [...spent.values()].reduce((sum, value) => sum + value, 0);
  return [...spent].map(([phase, value]) => ({
    phase,
    cpuSeconds: round(value),
    share: `${round((100 * value) / total, 1)} %`,
  }));
}

const round = (value, digits = 2) => Number(value.toFixed(digits));

export async function measureRun(rows, columns, values) {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-bench-'));
  try {
    prepare(folder, rows, columns, values);
    const a = new Watched(join(folder, 'a'), ['serve']);
    const { port } = await a.until('listening');
    const started = performance.now();
    const bytes = loopbackBytes();
    const b = new Watched(join(folder, 'b'), [
      'run',
      '--peer-url',
      `ws://127.0.0.1:${port}`,
      '--wait',
      '60',
    ]);
    const codes = await Promise.all([a.ended, b.ended]);
    const finished = performance.now();
    if (codes.some((code) => code !== 0))
      throw new Error(`a run ended with ${codes.join(' and ')}`);
    const after = (process, side, what = 'cpu') =>
      process[side][what] - process.attested[side][what];
    const cpu = {
      hostA: after(a, 'host'),
      enclaveA: after(a, 'enclave'),
      hostB: after(b, 'host'),
      enclaveB: after(b, 'enclave'),
    };
    const mains = { mainA: after(a, 'enclave', 'main'), mainB: after(b, 'enclave', 'main') };
    const total = [a, b].reduce((sum, { host, enclave }) => sum + host.cpu + enclave.cpu, 0);
    return {
      rows,
      columns,
      values,
      wallSeconds: round((finished - Math.min(a.attested.at, b.attested.at)) / 1000),
      wallWithStart: round((finished - started) / 1000),
      cpuSeconds: round(Object.values(cpu).reduce((sum, value) => sum + value, 0)),
      cpuWithStart: round(total),
      ...Object.fromEntries(
        Object.entries({ ...cpu, ...mains }).map(([name, value]) => [name, round(value)]),
      ),
      megabytes: round((loopbackBytes() - bytes) / 1e6, 1),
      peakMiB: Math.round(
        [a, b].reduce((sum, { host, enclave }) => sum + host.peak + enclave.peak, 0),
      ),
      enclavePeakMiB: Math.round(Math.max(a.enclave.peak, b.enclave.peak)),
      hostPeakMiB: Math.round(Math.max(a.host.peak, b.host.peak)),
      phases: phasesOf([a, b]),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** 1e4, 1e5, 1e6 rows of either party, 1 and 3 identifiers, without and with a value; BENCH_ROWS=10000000 adds a run. */
export async function endToEnd() {
  const extra = Number(process.env['BENCH_ROWS'] ?? 0);
  const cases = [
    ...[10_000, 100_000, 1_000_000].flatMap((rows) =>
      [1, 3].flatMap((columns) => [0, 1].map((values) => [rows, columns, values])),
    ),
    ...(extra > 0 ? [[extra, 1, 0]] : []),
  ];
  const results = [];
  for (const [rows, columns, values] of cases) {
    const { phases, ...result } = await measureRun(rows, columns, values);
    console.log(
      `${rows} rows, ${columns} identifiers, ${values} values: CPU of both parties by phase`,
    );
    console.table(phases);
    // in the file, but not in the table of all runs
    Object.defineProperty(result, 'toJSON', { value: () => ({ ...result, phases }) });
    results.push(result);
  }
  return results;
}
