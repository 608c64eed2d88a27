/**
 * One run between two enclaves that have accepted each other, as a sans-I/O machine; read it top to bottom:
 * manifest -> table -> charge -> mask -> match -> sizes -> release -> bye (docs/specification.md
 * sections 5 to 9). Both parties run the
 * same code; `a` and `b` are the manifest's parties and say nothing about who called whom.
 * A failure is thrown with its code, is final, and forgets every secret of the run.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalConstantTime, fixed, wipe } from '../bytes.ts';
import { assertOpens, type CoinGuard, commit } from '../dp/coins.ts';
import { ownMaskRows } from '../dp/mask.ts';
import { maskRows, planHash } from '../dp/plan.ts';
import { jointSeed } from '../dp/xor-mask.ts';
import { lengthPrefixed, u64be, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { type MatchEffect, Matching } from '../matching/matching.ts';
import { columnMessages, type Table, validateTable } from '../matching/table.ts';
import { type Rng, UniformSource } from '../rng.ts';
import type { LedgerMessage } from '../wire/ledger-messages.ts';
import type { ColumnChunk, Message } from '../wire/messages.ts';
import { Charge, type ChargeEffect, type LedgerRequest, type LedgerStep } from './charge.ts';
import {
  diffManifests,
  type Manifest,
  manifestBytes,
  manifestHash,
  parseManifestBytes,
  type Role,
} from './manifest.ts';
import { buildRelease, releaseHash } from './release.ts';

export interface RunSetup {
  readonly manifest: Manifest;
  /** Which of the manifest's parties this enclave serves. */
  readonly party: Role;
  /** Manifest hash in the peer's attestation document; the manifest that it sends must have it. */
  readonly peerManifestHash: Uint8Array;
  readonly sessionId: Bytes<32>;
  readonly rng: Rng;
  /** Of the whole enclave process, so that coins serve once. */
  readonly coinGuard: CoinGuard;
}

export type RunEvent =
  | { readonly kind: 'message'; readonly message: Message }
  /** The own table, from the own host; any time, once. */
  | { readonly kind: 'table'; readonly table: Table }
  /** The result of the kernel effect that was emitted last. */
  | { readonly kind: 'kernel'; readonly result: Uint8Array }
  /** The answer to the oldest open ledger request. */
  | {
      readonly kind: 'ledger';
      readonly step: LedgerStep;
      readonly message: LedgerMessage | undefined;
    };

export type RunEffect =
  | { readonly kind: 'send'; readonly message: Message }
  | Exclude<MatchEffect, { kind: 'matched' }>
  | { readonly kind: 'ledger'; readonly request: LedgerRequest }
  | { readonly kind: 'phase'; readonly phase: RunPhase }
  /** Both sides' commitments, which hide the coins and bind to them; for the record. */
  | {
      readonly kind: 'committed';
      readonly commitments: Readonly<Record<Role, MaskCommitments>>;
    }
  | { readonly kind: 'release'; readonly release: JsonObject };

export type MaskCommitments = Extract<Message, { kind: 'commit' }>;

export type RunPhase =
  | 'manifest'
  | 'table'
  | 'charge'
  | 'commit'
  | 'reveal'
  | 'match'
  | 'sizes'
  | 'release'
  | 'bye'
  | 'done'
  | 'failed';

/** Runs of one session are numbered from 1; there is one (docs/specification.md section 2: no resumption). */
export const RUN_COUNTER = 1n;

interface MaskSecrets {
  readonly seed: Bytes<32>;
  readonly mix: Bytes<32>;
  readonly coins: Bytes<32>;
}

export class Run {
  private readonly setup: RunSetup;
  private readonly peer: Role;
  private phase: RunPhase = 'manifest';
  private effects: RunEffect[] = [];
  private table: Table | undefined;
  private peerRows: number | undefined;
  private tableSent = false;
  private readonly secrets: MaskSecrets;
  private readonly charge = new Charge();
  private ownCommit: MaskCommitments | undefined;
  private peerCommit: MaskCommitments | undefined;
  private matching: Matching | undefined;
  private sizes: readonly number[] | undefined;
  private release: JsonObject | undefined;

  constructor(setup: RunSetup) {
    this.setup = setup;
    this.peer = setup.party === 'a' ? 'b' : 'a';
    const secret = (): Bytes<32> => fixed(setup.rng(32), 32, 'secret');
    this.secrets = { seed: secret(), mix: secret(), coins: secret() };
  }

  get currentPhase(): RunPhase {
    return this.phase;
  }

  /** Sends the manifest; the first thing after both verdicts. */
  start(): RunEffect[] {
    this.send({ kind: 'manifest', bytes: manifestBytes(this.setup.manifest) });
    return this.flush();
  }

  /** Advances the machine. Throws the run's failure, after which every call throws ERR_INTERNAL. */
  step(event: RunEvent): RunEffect[] {
    if (this.phase === 'failed') throw new DpcaError('ERR_INTERNAL', 'the run has failed before');
    try {
      if (event.kind === 'message') this.onMessage(event.message);
      else if (event.kind === 'table') this.onTable(event.table);
      else if (event.kind === 'ledger')
        this.onCharge(this.charge.answer(event.step, event.message));
      else this.onMatching(this.activeMatching().kernelDone(event.result));
      return this.flush();
    } catch (error) {
      this.fail();
      throw error;
    }
  }

  /** Ends the run from outside (connection lost, stopped) and forgets its secrets. */
  fail(): void {
    this.phase = 'failed';
    this.forget();
  }

  private forget(): void {
    wipe(this.secrets.seed, this.secrets.mix, this.secrets.coins);
    this.matching?.wipe();
    this.matching = undefined;
  }

  private onMessage(message: Message): void {
    switch (message.kind) {
      case 'manifest':
        return this.onManifest(message.bytes);
      case 'table':
        return this.onPeerTable(message.rows);
      case 'held':
      case 'head':
      case 'charged':
      case 'cosigned':
        this.expectPhase('charge', message);
        return this.onCharge(this.charge.receive(message));
      case 'commit':
        return this.onCommit(message);
      case 'reveal':
        return this.onReveal(message);
      case 'points':
      case 'tags':
      case 'reblind':
        return this.onColumn(message);
      case 'sizes':
        return this.onSizes(message.sizes);
      case 'release':
        return this.onRelease(message.hash);
      case 'bye':
        this.expectPhase('bye', message);
        return this.enter('done');
      case 'heartbeat':
      case 'alert':
      case 'reattest':
        throw new DpcaError('ERR_INTERNAL', `${message.kind} is for the session's driver`);
    }
  }

  private onManifest(bytes: Uint8Array): void {
    this.expectPhase('manifest', { kind: 'manifest' });
    const manifest = parseManifestBytes(bytes);
    if (!equalConstantTime(manifestHash(manifest), this.setup.peerManifestHash)) {
      throw new DpcaError(
        'BINDING_MANIFEST',
        'expected the manifest whose hash is in the attestation document, got another',
      );
    }
    const fields = diffManifests(this.setup.manifest, manifest);
    if (fields.length > 0) {
      throw new DpcaError('ERR_MANIFEST_DIFFERS', `differing fields: ${fields.join(', ')}`);
    }
    this.enter('table');
    this.sendTable();
  }

  private onTable(table: Table): void {
    if (this.table !== undefined) throw new DpcaError('ERR_INTERNAL', 'a second own table');
    const { manifest, party, rng } = this.setup;
    validateTable(table, manifest.columns.length, manifest.parties[party].rowsMax, rng);
    this.table = table;
    this.sendTable();
  }

  /** The table length is public (docs/threat-model.md); it leaves once manifests agree and the own table is valid. */
  private sendTable(): void {
    if (this.phase !== 'table' || this.table === undefined || this.tableSent) return;
    this.tableSent = true;
    this.send({ kind: 'table', rows: this.table.rows });
    this.startCharge();
  }

  private onPeerTable(rows: number): void {
    this.expectPhase('table', { kind: 'table' });
    const { rowsMax } = this.setup.manifest.parties[this.peer];
    if (this.peerRows !== undefined) {
      throw new DpcaError('ERR_WIRE_UNEXPECTED', 'a second table announcement');
    }
    if (rows > rowsMax) {
      throw new DpcaError('ERR_MATCH_ROWS', `expected a table of at most ${rowsMax} rows`);
    }
    this.peerRows = rows;
    this.startCharge();
  }

  /** Both lengths are known and no more; from here on the run costs a slot in both ledgers. */
  private startCharge(): void {
    if (!this.tableSent || this.peerRows === undefined) return;
    this.enter('charge');
    this.onCharge(this.charge.start());
  }

  private onCharge(effects: readonly ChargeEffect[]): void {
    this.effects.push(...effects);
    if (this.phase === 'charge' && this.charge.settled) this.commitMask();
  }

  private commitMask(): void {
    this.enter('commit');
    const { sessionId, party } = this.setup;
    this.ownCommit = {
      kind: 'commit',
      seed: commit('seed', sessionId, party, this.secrets.seed),
      mix: commit('mix', sessionId, party, this.secrets.mix),
      coins: commit('coins', sessionId, party, this.secrets.coins),
    };
    this.send(this.ownCommit);
    if (this.peerCommit !== undefined) this.reveal();
  }

  /** It may overtake the own host, which still stores what the peer has sent before. */
  private onCommit(message: MaskCommitments): void {
    const early = this.phase === 'charge' && this.charge.told && this.peerCommit === undefined;
    if (!early) this.expectPhase('commit', message);
    this.peerCommit = message;
    if (!early) this.reveal();
  }

  private reveal(): void {
    this.enter('reveal');
    this.send({
      kind: 'reveal',
      seed: this.secrets.seed.slice() as Bytes<32>,
      mix: this.secrets.mix.slice() as Bytes<32>,
    });
  }

  private onReveal(reveal: Extract<Message, { kind: 'reveal' }>): void {
    this.expectPhase('reveal', reveal);
    const { ownCommit, peerCommit, table, peerRows, peer } = this;
    const { sessionId, party, manifest, rng, coinGuard } = this.setup;
    if (
      ownCommit === undefined ||
      peerCommit === undefined ||
      table === undefined ||
      peerRows === undefined
    ) {
      throw new DpcaError('ERR_INTERNAL', 'mask before commitment');
    }
    assertOpens(peerCommit.seed, 'seed', sessionId, peer, reveal.seed);
    assertOpens(peerCommit.mix, 'mix', sessionId, peer, reveal.mix);
    const [a, b] = party === 'a' ? [ownCommit, peerCommit] : [peerCommit, ownCommit];
    this.effects.push({ kind: 'committed', commitments: { a, b } });
    const plan = manifest.privacy.mask;
    const [seedA, seedB] =
      party === 'a' ? [this.secrets.seed, reveal.seed] : [reveal.seed, this.secrets.seed];
    const seed = jointSeed(seedA, seedB, sessionId, RUN_COUNTER, planHash(plan));
    coinGuard.claim(this.secrets.coins, sessionId, RUN_COUNTER);
    const { coins } = this.secrets;
    const mask = ownMaskRows(plan, seed, coins, reveal.mix, sessionId, RUN_COUNTER);
    wipe(coins);

    const dummies = maskRows(plan).reduce((sum, rows) => sum + rows, 0);
    const uniform = new UniformSource(rng);
    const order = uniform.permutation(table.rows + dummies);
    const digest = runDigest(sessionId);
    this.matching = new Matching({
      columns: manifest.columns.length,
      ownRows: table.rows + dummies,
      peerRows: peerRows + dummies,
      messagesOf: (column) => columnMessages(table, mask, column, order, digest, rng),
      rng,
      uniform,
    });
    this.enter('match');
    this.onMatching(this.matching.start());
  }

  private onColumn(chunk: ColumnChunk): void {
    this.expectPhase('match', chunk);
    this.onMatching(this.activeMatching().receive(chunk));
  }

  private onMatching(effects: readonly MatchEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'matched') {
        this.effects.push(effect);
        continue;
      }
      this.sizes = effect.matches.sizes;
      this.enter('sizes');
      this.send({ kind: 'sizes', sizes: this.sizes });
    }
  }

  private onSizes(sizes: readonly number[]): void {
    this.expectPhase('sizes', { kind: 'sizes' });
    const { manifest, sessionId, party } = this.setup;
    const own = this.sizes ?? [];
    if (own.length !== sizes.length || own.some((size, j) => size !== sizes[j])) {
      throw new DpcaError('ERR_MATCH_SIZE', 'expected the same masked sizes on both sides');
    }
    const rows = { own: this.table?.rows ?? 0, peer: this.peerRows ?? 0 };
    this.release = buildRelease(
      manifest,
      sessionId,
      party === 'a' ? { a: rows.own, b: rows.peer } : { a: rows.peer, b: rows.own },
      own,
    );
    this.forget();
    this.enter('release');
    this.send({ kind: 'release', hash: releaseHash(this.release) });
  }

  private onRelease(hash: Uint8Array): void {
    this.expectPhase('release', { kind: 'release' });
    if (this.release === undefined) throw new DpcaError('ERR_INTERNAL', 'no release was built');
    if (!equalConstantTime(hash, releaseHash(this.release))) {
      throw new DpcaError('ERR_RELEASE_DIFFERS', 'expected the same release on both sides');
    }
    this.effects.push({ kind: 'release', release: this.release });
    this.enter('bye');
    this.send({ kind: 'bye' });
  }

  private activeMatching(): Matching {
    if (this.matching === undefined) throw new DpcaError('ERR_INTERNAL', 'no matching under way');
    return this.matching;
  }

  private expectPhase(phase: RunPhase, message: { readonly kind: string }): void {
    if (this.phase !== phase) {
      throw new DpcaError('ERR_WIRE_UNEXPECTED', `${message.kind} arrived in phase ${this.phase}`);
    }
  }

  private enter(phase: RunPhase): void {
    this.phase = phase;
    this.effects.push({ kind: 'phase', phase });
  }

  private send(message: Message): void {
    this.effects.push({ kind: 'send', message });
  }

  private flush(): RunEffect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }
}

/** Domain separation of one run's elements: first 16 bytes of SHA-256(lp("dpca/v1/run") || lp(sessionId) || lp(counter)). */
export function runDigest(sessionId: Bytes<32>): Bytes<16> {
  const input = lengthPrefixed(utf8('dpca/v1/run'), sessionId, u64be(RUN_COUNTER));
  return fixed(sha256(concat(input)).slice(0, 16), 16, 'run digest');
}
