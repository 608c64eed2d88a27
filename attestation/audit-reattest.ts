/**
 * The audit of a re-attestation: the evidence of both sides again, bound to the session that it renewed.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { fixed } from '../src/bytes.ts';
import { fromHex } from '../src/encoding.ts';
import type { Manifest } from '../src/run/manifest.ts';
import { againTranscript } from '../src/session/reattest.ts';
import { identityStatement } from '../src/session/identity.ts';
import { type Notes, reasonOf } from './audit-notes.ts';
import type { RunContext } from './audit-session.ts';
import { fromBase64 } from './base64.ts';
import type { LogRecord } from './log-record.ts';
import { type ReceiptBody, sessionRole } from './receipt.ts';
import { verifyAttestation } from './verify.ts';

type Reattest = Extract<LogRecord, { type: 'reattest' }>;

/** @param run that of the session, as audited; `ended`: whether its end is logged otherwise */
export async function auditReattestation(
  record: Reattest,
  run: { readonly receipt: ReceiptBody; readonly manifest: Manifest | null } | undefined,
  ended: boolean,
  context: RunContext,
  notes: Notes,
): Promise<void> {
  if (run === undefined) {
    // a session that did not get as far as a receipt: its end is logged, its statics are not known
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
  const { receipt, manifest } = run;
  const { handshake, manifestHash, accounts } = receipt;
  if (manifest === null) {
    notes.add(
      '/session',
      'incomplete',
      'ERR_AUDIT_INCOMPLETE',
      "its run's manifest is not readable",
    );
    return;
  }
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
    const { identity } = manifest.parties[party];
    const field = `/evidence/${role}`;
    try {
      const verdict = await verifyAttestation(
        fromBase64(record.evidence[role].document),
        context.options.policy,
        'document',
        {
          verifyP384: context.options.verifyP384,
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
      const statement = identityStatement(role, again, fixed(verdict.payloadSha256, 32, 'payload'));
      const signature = fromHex(record.evidence[role].signature);
      notes.assert(
        'identity key signed the re-attestation',
        `${field}/signature`,
        'ERR_AUDIT_SIGNATURE',
        context.options.verifyEd25519(statement, fromHex(identity), signature),
        "a signature by the organisation's identity key",
      );
      notes.pass('re-attested document is accepted at its own time');
    } catch (error) {
      notes.add(field, 'tamper', 'ERR_AUDIT_EVIDENCE', reasonOf(error));
    }
  }
}
