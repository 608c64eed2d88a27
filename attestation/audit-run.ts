/**
 * The audit of one run's record by itself (docs/auditing.md section 5): its session (audit-session.ts), what it cost, what
 * each side held of the other's log, and what was released. Nothing here looks at other records.
 * @module
 */
import { fromHex, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { canonicalJson } from '../src/json.ts';
import { isGiven, type Manifest, privacyHash, type Role } from '../src/run/manifest.ts';
import { commitRelease } from '../src/run/receipt.ts';
import { rederiveRelease } from '../src/run/rederive.ts';
import type { AuditedRun, AuditedSide, Charge, Head, KnownParty, RunAudit } from './audit-types.ts';
import { headOf, openCosigned, OTHER, PARTIES } from './audit-notes.ts';
import { type RunContext, SessionAudit } from './audit-session.ts';
import { openCheckpoint } from './checkpoint.ts';
import { parseRecord, slotStatement } from './ledger-record.ts';
import { cosigner } from './ledger-session.ts';
import { ledgerOrigin } from './ledger.ts';
import {
  type Completion,
  logOrigin,
  logRecordBytes,
  type RunRecord,
  unhexes,
} from './log-record.ts';
import { assertInclusion, leafHash } from './merkle.ts';
export async function auditRun(
  record: RunRecord,
  completion: Completion | undefined,
  context: RunContext,
): Promise<RunAudit> {
  const audit = new RunAuditor(record, completion, context);
  return audit.run();
}

class RunAuditor extends SessionAudit {
  private readonly charges: Partial<Record<Role, Charge>> = {};
  private readonly heads = {
    ownAfter: null,
    ownBefore: null,
    peerAfter: null,
    peerBefore: null,
  } as Record<'ownAfter' | 'ownBefore' | 'peerAfter' | 'peerBefore', Head | null>;
  private cosignedAt: number | null = null;

  async run(): Promise<RunAudit> {
    const { notes } = this;
    this.checkManifest();
    this.checkParties();
    this.checkTranscript();
    for (const party of PARTIES) await this.checkEvidence(party);
    for (const party of PARTIES) await this.checkResult(party);
    this.checkSignatures();
    for (const party of PARTIES) this.checkCharge(party);
    for (const party of PARTIES) this.checkHeld(party);
    this.checkCompletion();
    const { findings, passed } = notes;
    return {
      ...{ findings, passed, run: this.summary() },
      facts: {
        nonces: [this.body.handshake.nonces.init, this.body.handshake.nonces.resp],
        documents: PARTIES.flatMap((party) => {
          const hash = this.verdicts[party]?.payloadSha256;
          return hash === undefined || hash === null ? [] : [toHex(hash)];
        }),
        charges: this.charges,
        own: { after: this.heads.ownAfter, before: this.heads.ownBefore },
        peer: { after: this.heads.peerAfter, before: this.heads.peerBefore },
      },
    };
  }

  /** One party's slot: the record, both enclaves' signatures, its ledger's checkpoint and the other's cosignature. */
  private checkCharge(party: Role): void {
    const { body, notes, known, manifest } = this;
    const { verifyEd25519 } = this.context.options;
    const entry = body.ledgers[party];
    const other = OTHER[party];
    const [owner, peer] = [known[party], known[other]];
    if (owner === undefined || peer === undefined || manifest === undefined) return;
    const field = `/receipt/ledgers/${party}`;
    notes.check('charge is in the ledger, signed and cosigned', field, 'ERR_AUDIT_BUDGET', () => {
      const bytes = utf8(canonicalJson(entry.record));
      const slot = parseRecord(bytes, 'ERR_BUDGET_PROOF');
      if (slot.type !== 'slot') throw new DpcaError('ERR_BUDGET_PROOF', 'expected a slot');
      const theirs = this.verdicts[other];
      const pcr0 =
        theirs?.accepted === true
          ? toHex(theirs.claims.pcrs.get(0) ?? new Uint8Array())
          : slot.peer.pcr0;
      const document = toHex(theirs?.payloadSha256 ?? new Uint8Array());
      const expected: readonly (readonly [string, string | number, string | number])[] = [
        ['session', slot.session, body.session],
        ['run', slot.run, body.run],
        ['plan', slot.plan, toHex(privacyHash(manifest))],
        ['peer/identity', slot.peer.identity, peer.identity],
        ['peer/document', slot.peer.document, document],
        ['peer/pcr0', slot.peer.pcr0, pcr0],
      ];
      for (const [name, got, wanted] of expected) {
        if (got !== wanted)
          throw new DpcaError('ERR_BUDGET_PROOF', `/record/${name}: expected that of this run`);
      }
      if (slot.slot > slot.of)
        throw new DpcaError('ERR_BUDGET_PROOF', 'beyond the slots registered');
      const origin = ledgerOrigin(slot.lineage);
      const log = { name: origin, publicKey: fromHex(owner.log) };
      const checkpoint = openCosigned(entry.checkpoint, log, peer, verifyEd25519);
      const index = checkpoint.size - 1;
      const leaf = leafHash(bytes);
      assertInclusion(leaf, index, checkpoint.size, checkpoint.root, unhexes(entry.inclusion));
      for (const [as, by, signature] of [
        ['owner', party, entry.owner],
        ['peer', other, entry.peer],
      ] as const) {
        const key = fromHex(body.accounts[by].enclaveKey);
        if (!verifyEd25519(slotStatement(as, bytes), key, fromHex(signature))) {
          throw new DpcaError('ERR_BUDGET_PROOF', `the ${as}'s signature of the slot is not valid`);
        }
      }
      const { lineage, of, prev, plan } = slot;
      this.charges[party] = {
        ...{ lineage, of, prev, plan, index, slot: slot.slot, leaf: toHex(leaf) },
        runs: manifest.privacy.runs,
      };
    });
  }

  /** The checkpoint of the other party's log that one side held before the run. */
  private checkHeld(party: Role): void {
    const { notes, body, known } = this;
    const { held } = body.accounts[party];
    const [own, other] = [known[party], known[OTHER[party]]];
    if (held === null || own === undefined || other === undefined) return;
    const opened = notes.check(
      'checkpoint held before the run is signed',
      `/receipt/accounts/${party}/held`,
      'ERR_AUDIT_SIGNATURE',
      () =>
        openCheckpoint(
          utf8(held),
          { name: logOrigin(other.log), publicKey: fromHex(other.log) },
          [cosigner(own)],
          this.context.options.verifyEd25519,
        ),
    );
    if (opened === undefined) return;
    this.heads[party === this.own ? 'peerBefore' : 'ownBefore'] = headOf(opened);
  }

  private checkCompletion(): void {
    const { notes, completion, own, known, manifest } = this;
    if (completion === undefined || own === undefined) return;
    const [owner, peer] = [known[own], known[OTHER[own]]];
    const { opened } = completion;
    if (opened === null || manifest === undefined) {
      const withheld = manifest === undefined || !isGiven(manifest, own);
      notes.assert(
        'release is withheld from this party by the manifest',
        '/completion/opened',
        'ERR_AUDIT_INCOMPLETE',
        withheld,
        'a release',
      );
    } else this.checkRelease(opened, manifest);
    if (owner === undefined || peer === undefined) return;
    const { verifyEd25519 } = this.context.options;
    const logOf = ({ log }: KnownParty) => ({ name: logOrigin(log), publicKey: fromHex(log) });
    const cosigned = notes.check(
      'checkpoint with the run is cosigned by the other party',
      '/completion/checkpoint',
      'ERR_AUDIT_WITNESS',
      () => openCosigned(completion.checkpoint, logOf(owner), peer, verifyEd25519),
    );
    if (cosigned !== undefined) {
      this.heads.ownAfter = headOf(cosigned);
      this.cosignedAt = cosigned.time;
      notes.assert(
        'cosignature is of the time of the run',
        '/completion/checkpoint',
        'ERR_AUDIT_ORDER',
        Math.abs(cosigned.time * 1000 - this.record.time) < 3_600_000,
        'a cosignature within an hour of the record',
      );
    }
    notes.check("receipt is in the other party's log", '/completion/peer', 'ERR_AUDIT_PEER', () => {
      const { checkpoint: note, envelope, inclusion } = completion.peer;
      const checkpoint = openCosigned(note, logOf(peer), owner, verifyEd25519);
      const { receipt, signatures } = this.record;
      const leaf = leafHash(logRecordBytes(envelope, { type: 'run', receipt, signatures }));
      assertInclusion(leaf, envelope.seq, checkpoint.size, checkpoint.root, unhexes(inclusion));
      this.heads.peerAfter = headOf(checkpoint);
    });
  }

  private checkRelease(opened: NonNullable<Completion['opened']>, manifest: Manifest): void {
    const { notes, body, session } = this;
    const { release, salt } = opened;
    const moments = opened.moments.map(BigInt);
    notes.check(
      'release is the one that was signed',
      '/completion/opened',
      'ERR_AUDIT_RELEASE',
      () => {
        if (toHex(commitRelease(fromHex(salt), { release, moments })) !== body.release) {
          throw new DpcaError(
            'ERR_AUDIT_RELEASE',
            'the release does not open the commitment in the receipt',
          );
        }
      },
    );
    notes.check(
      'release follows from its public parts',
      '/completion/opened/release',
      'ERR_AUDIT_RELEASE',
      () => {
        const wrong = rederiveRelease(manifest, session, release, moments);
        if (wrong.length > 0) {
          throw new DpcaError('ERR_AUDIT_RELEASE', `derived again, ${wrong.join(', ')} differ`);
        }
      },
    );
  }

  private side(party: Role): AuditedSide {
    const { body, manifest, charges } = this;
    const verdict = this.verdicts[party];
    const claims = verdict?.accepted === true ? verdict.claims : null;
    const pcr0 = claims?.pcrs.get(0);
    const entry = manifest?.parties[party];
    return {
      ...{ name: entry?.name ?? '', identity: entry?.identity ?? '', log: entry?.log ?? '' },
      moduleId: claims?.moduleId ?? null,
      pcr0: pcr0 === undefined ? null : toHex(pcr0),
      attestedAt: claims?.timestamp ?? null,
      build: body.accounts[party].build,
      kernel: body.accounts[party].kernel,
      lineage: charges[party]?.lineage ?? null,
      slot: charges[party]?.slot ?? null,
    };
  }

  private summary(): AuditedRun {
    const { record, body, completion } = this;
    return {
      record: record.seq,
      receipt: toHex(this.id),
      session: body.session,
      time: record.time,
      own: this.own ?? null,
      manifest: this.manifest ?? null,
      manifestHash: body.manifestHash,
      sides: { a: this.side('a'), b: this.side('b') },
      release: completion?.opened?.release ?? null,
      cosignedAt: this.cosignedAt,
      ok:
        completion !== undefined &&
        this.notes.findings.every(({ class: kind }) => kind === 'notice'),
    };
  }
}
