// The same question put to @openmined/psi.js (ECDH-PSI over P-256 in WebAssembly), cardinality only, both parties in this
// process: CPU seconds of setup message, request, response and intersection size.
import PSI from '@openmined/psi.js';

const FALSE_POSITIVE_RATE = 0.000_001;

const ROWS = 100_000;

/** About four minutes: rows of each party, half of them common. */
export async function psiJs() {
  const rows = ROWS;
  const psi = await PSI();
  const table = (party) =>
    Array.from({ length: rows }, (_, i) =>
      i < rows / 2 ? `person.${i}@example.org` : `person.${party}${i}@example.org`,
    );
  const [a, b] = [table('a'), table('b')];
  const server = psi.server.createWithNewKey(false);
  const client = psi.client.createWithNewKey(false);
  const before = process.cpuUsage();
  const started = performance.now();
  const setup = server.createSetupMessage(FALSE_POSITIVE_RATE, rows, a);
  const request = client.createRequest(b);
  const response = server.processRequest(request);
  const size = client.getIntersectionSize(setup, response);
  const { user, system } = process.cpuUsage(before);
  if (Math.abs(size - rows / 2) > 2) throw new Error('the compared library gave another size');
  return [
    {
      what: '@openmined/psi.js 2.0.6, cardinality',
      rows,
      cpuSeconds: Number(((user + system) / 1e6).toFixed(2)),
      wallSeconds: Number(((performance.now() - started) / 1000).toFixed(2)),
    },
  ];
}
