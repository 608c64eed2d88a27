// Time to verify one attestation document, all checks, for both P-384 implementations.
//
//   npm run bench attestation
//
// Ratios within one run are what counts; machine, versions and commit stand beside them in bench/results/.
import { webcrypto } from 'node:crypto';
import { nobleP384, webCryptoP384 } from '../dist/attestation/p384.js';
import { parsePolicy } from '../dist/attestation/policy.js';
import { rootFingerprint } from '../dist/attestation/root.js';
import { createSimulatedRoot } from '../dist/attestation/simulated/chain.js';
import { verifyAttestation } from '../dist/attestation/verify.js';
import { Nsm } from '../dist/enclave/nsm/nsm.js';
import { SimulatedNsm } from '../dist/enclave/nsm/simulated-nsm.js';

const RUNS = 30;

function random(n) {
  return webcrypto.getRandomValues(new Uint8Array(n));
}

async function document() {
  const now = Date.now();
  const root = await createSimulatedRoot({ rng: random, now });
  const pcr = (byte) => new Uint8Array(48).fill(byte);
  const pcrs = { pcr0: pcr(1), pcr1: pcr(2), pcr2: pcr(3) };
  const nsm = new Nsm(new SimulatedNsm({ root, pcrs, rng: random, now: () => now }));
  const nonce = random(32);
  const hex = (bytes) => Buffer.from(bytes).toString('hex');
  const policy = parsePolicy(
    JSON.stringify({
      version: 1,
      mode: 'audit',
      roots: [{ fingerprint: rootFingerprint(root.certificate), partition: 'sim' }],
      measurements: [
        {
          notBefore: '2020-01-01T00:00:00Z',
          notAfter: '2040-01-01T00:00:00Z',
          ...{ pcr0: hex(pcrs.pcr0), pcr1: hex(pcrs.pcr1), pcr2: hex(pcrs.pcr2) },
        },
      ],
      maxAgeSeconds: 300,
      futureSkewSeconds: 60,
      certificateSkewSeconds: 60,
      waivers: ['pcr3', 'pcr8', 'publicKey', 'userData'].map((check) => ({
        check,
        reason: 'a benchmark binds no session',
      })),
    }),
  );
  return { bytes: await nsm.attest({ nonce }), policy, now, nonce };
}

/** Milliseconds per document: wall and CPU, median of RUNS after a warm-up. */
export async function attestation() {
  const { bytes, policy, now, nonce } = await document();
  const rows = [];
  for (const [name, verifyP384] of [
    ['webcrypto', webCryptoP384(webcrypto.subtle)],
    ['noble', nobleP384],
  ]) {
    const wall = [];
    const cpu = [];
    for (let run = -3; run < RUNS; run++) {
      const cpuBefore = process.cpuUsage();
      const before = performance.now();
      const verdict = await verifyAttestation(bytes, policy, now, {
        verifyP384,
        expected: { nonce },
      });
      if (!verdict.accepted) throw new Error(`the document was refused: ${verdict.code}`);
      if (run < 0) continue;
      wall.push(performance.now() - before);
      const used = process.cpuUsage(cpuBefore);
      cpu.push((used.user + used.system) / 1000);
    }
    const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
    rows.push({
      name,
      documents: RUNS,
      wallMs: +median(wall).toFixed(2),
      cpuMs: +median(cpu).toFixed(2),
    });
  }
  return rows;
}
