/**
 * The audit of a re-attestation: the evidence of both sides again, bound to the session that it renewed.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { fixed } from '../src/bytes.ts';
import { fromHex } from '../src/encoding.ts';
import { againTranscript } from '../src/session/reattest.ts';
import { assertIdentity } from '../src/session/identity.ts';
import { type Notes, reasonOf } from './audit-notes.ts';
import type { RunContext } from './audit-session.ts';
import { fromBase64 } from './base64.ts';
import type { Bundle } from './bundle.ts';
import type { LogRecord } from './log-record.ts';
import { nobleP384 } from './p384.ts';
import { sessionRole } from './receipt.ts';
import { verifyAttestation } from './verify.ts';

type Reattest = Extract<LogRecord, { type: 'reattest' }>;

export async function auditReattestation(
  record: Reattest,
  bundle: Bundle,
  context: RunContext,
  notes: Notes,
): Promise<void> {
  const run = bundle.records.find((r) => r.type === 'run' && r.receipt.session === record.session);
  if (run?.type !== 'run') {
    // a session that did not get as far as a receipt: its end is logged, its statics are not known
    const ended = bundle.records.some(
      (r) => (r.type === 'abort' || r.type === 'refusal') && r.session === record.session,
    );
    if (ended)
      notes.add(
        '/session',
        'notice',
        'ERR_AUDIT_INCOMPLETE',
        'of a session that ended without a receipt',
      );
    else
      notes.add(
        '/session',
        'incomplete',
        'ERR_AUDIT_INCOMPLETE',
        'neither a run nor an end of this session is here',
      );
    return;
  }
  const { receipt } = run;
  const { handshake, manifestHash, accounts } = receipt;
  notes.assert(
    're-attestation renews the session',
    '/transcript',
    'ERR_AUDIT_TRANSCRIPT',
    record.transcript === handshake.transcript,
    'T of the session',
  );
  const bytes = (hex: string) => fixed(fromHex(hex), 32, 'nonce');
  const nonces = { init: bytes(record.nonces.init), resp: bytes(record.nonces.resp) };
  const again = againTranscript(fixed(fromHex(record.transcript), 48, 'T'), record.epoch, nonces);
  for (const party of ['a', 'b'] as const) {
    const role = sessionRole(receipt, party);
    const { identity } = (receipt.manifest as { parties: Record<'a' | 'b', { identity: string }> })
      .parties[party];
    const field = `/evidence/${role}`;
    try {
      const verdict = await verifyAttestation(
        fromBase64(record.evidence[role].document),
        context.options.policy,
        'document',
        {
          verifyP384: context.options.verifyP384 ?? nobleP384,
          expected: {
            nonce: nonces[role === 'init' ? 'resp' : 'init'],
            publicKey: fromHex(handshake.statics[role]),
            binding: {
              ...{ role, sessionId: fromHex(receipt.session), transcript: again },
              identityKeyHash: sha256(fromHex(identity)),
              manifestHash: fromHex(manifestHash),
            },
          },
        },
      );
      if (!verdict.accepted || verdict.payloadSha256 === null) {
        notes.add(`${field}/document`, 'tamper', 'ERR_AUDIT_EVIDENCE', verdict.code ?? 'refused');
        continue;
      }
      const key = sha256(fromHex(accounts[party].enclaveKey));
      const same = verdict.claims.binding?.enclaveKeyHash.every((byte, i) => byte === key[i]);
      notes.assert(
        're-attested enclave is the same',
        `${field}/document`,
        'ERR_AUDIT_EVIDENCE',
        same === true,
        'the enclave key of the session',
      );
      notes.check(
        'identity key signed the re-attestation',
        `${field}/signature`,
        'ERR_AUDIT_SIGNATURE',
        () => {
          assertIdentity(
            ...([
              bytes(identity),
              role,
              again,
              fixed(verdict.payloadSha256 ?? key, 32, 'payload'),
            ] as const),
            fixed(fromHex(record.evidence[role].signature), 64, 'signature'),
          );
        },
      );
      notes.pass('re-attested document is accepted at its own time');
    } catch (error) {
      notes.add(field, 'tamper', 'ERR_AUDIT_EVIDENCE', reasonOf(error));
    }
  }
}
