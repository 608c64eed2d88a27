/**
 * One run between two enclaves that have accepted each other, as a sans-I/O machine; read it top to bottom:
 * manifest -> table -> account -> charge -> mask -> match -> sizes -> release -> receipt -> bye
 * (docs/specification.md sections 5 to 9). Both parties run the same code; `a` and `b` are the manifest's parties and say nothing about who called whom.
 * A failure is thrown with its code, is final, and forgets every secret of the run.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalConstantTime, fixed, wipe } from '../bytes.ts';
import { assertOpens, type CoinGuard, coins as drawCoins, commit } from '../dp/coins.ts';
import { ownMaskRows } from '../dp/mask.ts';
import { maskRows, planHash } from '../dp/plan.ts';
import { jointSeed } from '../dp/xor-mask.ts';
import { lengthPrefixed, u64be, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { NewHash } from '../incremental-hash.ts';
import type { JsonObject } from '../json.ts';
import { type MatchEffect, Matching } from '../matching/matching.ts';
import { columnMessages, type Table, validateTable } from '../matching/table.ts';
import type { Ciphers } from '../mpc/ciphers.ts';
import type { Evaluation, KeptShare } from '../mpc/evaluate.ts';
import { evaluateMatched } from '../mpc/matched.ts';
import type { Protocol } from '../mpc/protocol.ts';
import { type Rng, UniformSource } from '../rng.ts';
import type { Compiled } from '../statistics/compile.ts';
import type { LedgerMessage } from '../wire/ledger-messages.ts';
import type { ColumnChunk, Message } from '../wire/messages.ts';
import type { ReceiptMessage } from '../wire/receipt-messages.ts';
import { Charge, type ChargeEffect, type LedgerRequest, type LedgerStep } from './charge.ts';
import {
  compileManifest,
  diffManifests,
  isGiven,
  type Manifest,
  manifestBytes,
  manifestHash,
  parseManifestBytes,
  type Role,
} from './manifest.ts';
import {
  commitInput,
  type InputCommitment,
  type MaskCommitments,
  Receipt,
  type ReceiptEffect,
  type ReceiptRequest,
  type ReceiptStep,
} from './receipt.ts';
import { buildRelease, releaseHash, withheldRelease } from './release.ts';

export interface RunSetup {
  readonly manifest: Manifest;
  /** Which of the manifest's parties this enclave serves. */
  readonly party: Role;
  /** Manifest hash in the peer's attestation document; the manifest that it sends must have it. */
  readonly peerManifestHash: Uint8Array;
  readonly sessionId: Bytes<32>;
  readonly rng: Rng;
  readonly ciphers: Ciphers;
  /** For the commitment to the table; the core's own when absent. */
  readonly newSha256?: NewHash;
  /** Of the whole enclave process, so that coins serve once. */
  readonly coinGuard: CoinGuard;
}

export type RunEvent =
  | { readonly kind: 'message'; readonly message: Message }
  /** The own table, from the own host; any time, once. */
  | { readonly kind: 'table'; readonly table: Table }
  /** The result of the kernel effect that was emitted last. */
  | { readonly kind: 'kernel'; readonly result: Uint8Array }
  /** The result of the protocol effect. */
  | { readonly kind: 'evaluated'; readonly evaluation: Evaluation }
  /** The answer to the oldest open ledger request. */
  | {
      readonly kind: 'ledger';
      readonly step: LedgerStep;
      readonly message: LedgerMessage | undefined;
    }
  /** The answer to the oldest open receipt request. */
  | {
      readonly kind: 'receipt';
      readonly step: ReceiptStep;
      readonly message: ReceiptMessage | undefined;
    };

export type RunEffect =
  | { readonly kind: 'send'; readonly message: Message }
  | Exclude<MatchEffect, { kind: 'matched' }>
  | { readonly kind: 'ledger'; readonly request: LedgerRequest }
  | { readonly kind: 'receipt'; readonly request: ReceiptRequest }
  | { readonly kind: 'phase'; readonly phase: RunPhase }
  /** Both sides' commitments, which hide the coins and bind to them; for the record. */
  | {
      readonly kind: 'committed';
      readonly commitments: Readonly<Record<Role, MaskCommitments>>;
    }
  /** To be run against the peer's side of it, over `values` messages. */
  | { readonly kind: 'protocol'; readonly protocol: Protocol<Evaluation> }
  /** Own shares of the matched rows, for the own host: real bit first, then the manifest's values in their order. */
  | { readonly kind: 'shares'; readonly shares: readonly KeptShare[] }
  /** For the own host: the release and the opened moments, or only what it sees anyway if the manifest withholds them. */
  | {
      readonly kind: 'release';
      readonly release: JsonObject;
      readonly moments: readonly bigint[];
    };

export type { MaskCommitments } from './receipt.ts';

export type RunPhase =
  | 'manifest'
  | 'table'
  | 'account'
  | 'charge'
  | 'commit'
  | 'reveal'
  | 'match'
  | 'sizes'
  | 'values'
  | 'release'
  | 'receipt'
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
  private readonly receipt = new Receipt();
  private input: InputCommitment | undefined;
  /** The peer's first message of the charge, which may overtake the own host's answer about its account. */
  private early: LedgerMessage | undefined;
  private peerDone = false;
  private moments: readonly bigint[] = [];
  private commitments: Readonly<Record<Role, MaskCommitments>> | undefined;
  private ownCommit: MaskCommitments | undefined;
  private peerCommit: MaskCommitments | undefined;
  private matching: Matching | undefined;
  private readonly compiled: Compiled;
  /** Secret permutation of the own table: order[p] is the row at position p; from table.rows on, a dummy. */
  private order: Uint32Array = new Uint32Array(0);
  private noiseCoins: Uint8Array = new Uint8Array(0);
  /** Positions of the matched rows in the peer's permuted table. */
  private selection: Uint32Array = new Uint32Array(0);
  private kept: readonly KeptShare[] = [];
  private sizes: readonly number[] | undefined;
  private release: JsonObject | undefined;
  /** The peer's hash of it, which may overtake the end of the own computation. */
  private peerRelease: Uint8Array | undefined;

  constructor(setup: RunSetup) {
    this.setup = setup;
    this.peer = setup.party === 'a' ? 'b' : 'a';
    this.compiled = compileManifest(setup.manifest);
    const secret = (): Bytes<32> => fixed(setup.rng(32), 32, 'secret');
    this.secrets = { seed: secret(), mix: secret(), coins: secret() };
  }

  get currentPhase(): RunPhase {
    return this.phase;
  }

  /** Everything that the peer has to send is here, so losing it takes nothing from the run any more. */
  get told(): boolean {
    return this.receipt.told;
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
      else if (event.kind === 'receipt')
        this.onReceipt(this.receipt.answer(event.step, event.message));
      else if (event.kind === 'evaluated') this.onEvaluated(event.evaluation);
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
    wipe(this.secrets.seed, this.secrets.mix, this.secrets.coins, this.noiseCoins);
    this.matching?.wipe();
    this.matching = undefined;
    this.order.fill(0);
    this.selection.fill(0);
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
        return this.onLedgerMessage(message);
      case 'account':
        this.expectPhase('account', message);
        return this.onReceipt(this.receipt.receive(message));
      case 'receipt':
      case 'logged':
      case 'witnessed':
        this.expectPhase('receipt', message);
        return this.onReceipt(this.receipt.receive(message));
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
        return this.onBye();
      case 'heartbeat':
      case 'alert':
      case 'reattest':
      case 'values':
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
    const { manifest, party, rng, newSha256 } = this.setup;
    const { rowsMax } = manifest.parties[party];
    const values = manifest.values
      .filter(({ owner }) => owner === party)
      .map(({ low, high }) => ({ low: BigInt(low), high: BigInt(high) }));
    const shape = { columns: manifest.columns.length, values, rowsMax };
    this.table = validateTable(table, shape, rng);
    const salt = fixed(rng(32), 32, 'salt');
    this.input = { salt, commitment: commitInput(salt, this.table, newSha256) };
    this.sendTable();
  }

  /** The table length is public (docs/threat-model.md); it leaves once manifests agree and the own table is valid. */
  private sendTable(): void {
    if (this.phase !== 'table' || this.table === undefined || this.tableSent) return;
    this.tableSent = true;
    this.send({ kind: 'table', rows: this.table.rows });
    this.openAccounts();
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
    this.openAccounts();
  }

  /** Both lengths are known: each side commits to its input and shows that its log goes on from what the peer holds. */
  private openAccounts(): void {
    if (!this.tableSent || this.peerRows === undefined || this.input === undefined) return;
    this.enter('account');
    this.onReceipt(this.receipt.start(this.input));
  }

  /** Both lengths are known and no more; from here on the run costs a slot in both ledgers. */
  private startCharge(): void {
    this.enter('charge');
    this.onCharge(this.charge.start());
    if (this.early !== undefined) this.onCharge(this.charge.receive(this.early));
  }

  private onLedgerMessage(message: LedgerMessage): void {
    if (this.phase === 'account' && this.receipt.accounted && this.early === undefined) {
      this.early = message;
      return;
    }
    this.expectPhase('charge', message);
    this.onCharge(this.charge.receive(message));
  }

  private onReceipt(effects: readonly ReceiptEffect[]): void {
    this.effects.push(...effects);
    if (this.phase === 'account' && this.receipt.opened) this.startCharge();
    if (this.phase === 'receipt' && this.receipt.settled) this.handOut();
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
    this.commitments = { a, b };
    this.effects.push({ kind: 'committed', commitments: this.commitments });
    const plan = manifest.privacy.mask;
    const [seedA, seedB] =
      party === 'a' ? [this.secrets.seed, reveal.seed] : [reveal.seed, this.secrets.seed];
    const seed = jointSeed(seedA, seedB, sessionId, RUN_COUNTER, planHash(plan));
    coinGuard.claim(this.secrets.coins, sessionId, RUN_COUNTER);
    const { coins } = this.secrets;
    const mask = ownMaskRows(plan, seed, coins, reveal.mix, sessionId, RUN_COUNTER);
    const noiseBits = this.compiled.program.moments.reduce((sum, m) => sum + m.noise.length, 0);
    this.noiseCoins = drawCoins(coins, reveal.mix, sessionId, RUN_COUNTER, noiseBits, 'output');
    wipe(coins);

    const dummies = maskRows(plan).reduce((sum, rows) => sum + rows, 0);
    const uniform = new UniformSource(rng);
    const order = uniform.permutation(table.rows + dummies);
    this.order = order;
    const digest = runDigest(sessionId);
    this.matching = new Matching({
      columns: manifest.columns.length,
      ownRows: table.rows + dummies,
      peerRows: peerRows + dummies,
      messagesOf: (column, first, count) => {
        const rows = order.subarray(first, first + count);
        return columnMessages(table, mask, column, rows, digest, rng);
      },
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
      this.selection = effect.matches.peerPositions;
      this.matching?.wipe();
      this.matching = undefined;
      this.enter('sizes');
      this.send({ kind: 'sizes', sizes: this.sizes });
    }
  }

  private onSizes(sizes: readonly number[]): void {
    this.expectPhase('sizes', { kind: 'sizes' });
    const own = this.sizes ?? [];
    if (own.length !== sizes.length || own.some((size, j) => size !== sizes[j])) {
      throw new DpcaError('ERR_MATCH_SIZE', 'expected the same masked sizes on both sides');
    }
    const { program } = this.compiled;
    if (program.moments.length + program.kept.length === 0) return this.buildRelease([]);
    this.enter('values');
    this.effects.push({ kind: 'protocol', protocol: this.computation() });
  }

  /** Shares of both sides' columns over the matched rows, and the moments that are opened of them. */
  private *computation(): Protocol<Evaluation> {
    const { party, sessionId, rng, ciphers } = this.setup;
    const { table, peerRows, compiled, selection } = this;
    if (table === undefined || peerRows === undefined) {
      throw new DpcaError('ERR_INTERNAL', 'values without tables');
    }
    const own = compiled.columnsOf(party, table, this.order);
    const evaluation = yield* evaluateMatched({
      ...{ program: compiled.program, party, sessionId, own, selection, ciphers, rng },
      // both sides insert as many dummies
      peerRows: peerRows + this.order.length - table.rows,
      coins: this.noiseCoins,
    });
    for (const column of own) column.fill(0n);
    return evaluation;
  }

  private onEvaluated({ moments, kept }: Evaluation): void {
    if (this.phase !== 'values') throw new DpcaError('ERR_INTERNAL', 'a result nobody asked for');
    this.kept = kept;
    this.buildRelease(moments);
  }

  private buildRelease(moments: readonly bigint[]): void {
    this.moments = moments;
    const { manifest, sessionId, party } = this.setup;
    const rows = { own: this.table?.rows ?? 0, peer: this.peerRows ?? 0 };
    this.release = buildRelease(
      manifest,
      sessionId,
      party === 'a' ? { a: rows.own, b: rows.peer } : { a: rows.peer, b: rows.own },
      this.sizes ?? [],
      moments,
    );
    this.forget();
    this.enter('release');
    this.send({ kind: 'release', hash: releaseHash(this.release) });
    if (this.peerRelease !== undefined) this.compareRelease(this.peerRelease);
  }

  /** The last bytes of the computation and this message may be read at once, before the driver has seen either. */
  private onRelease(hash: Uint8Array): void {
    if (this.phase === 'values' && this.peerRelease === undefined) {
      this.peerRelease = hash;
      return;
    }
    this.expectPhase('release', { kind: 'release' });
    this.compareRelease(hash);
  }

  private compareRelease(hash: Uint8Array): void {
    const { release, commitments, moments } = this;
    if (release === undefined || commitments === undefined) {
      throw new DpcaError('ERR_INTERNAL', 'no release was built');
    }
    if (!equalConstantTime(hash, releaseHash(release))) {
      throw new DpcaError('ERR_RELEASE_DIFFERS', 'expected the same release on both sides');
    }
    this.enter('receipt');
    this.onReceipt(this.receipt.agree({ commitments, release, moments }));
  }

  /** The receipt is in both logs and cosigned: the release goes to the own host. */
  private handOut(): void {
    if (this.release === undefined) throw new DpcaError('ERR_INTERNAL', 'no release was built');
    if (this.kept.length > 0) this.effects.push({ kind: 'shares', shares: this.kept });
    const { manifest, party } = this.setup;
    this.effects.push(
      isGiven(manifest, party)
        ? { kind: 'release', release: this.release, moments: this.moments }
        : { kind: 'release', release: withheldRelease(this.release), moments: [] },
    );
    this.enter('bye');
    this.send({ kind: 'bye' });
    if (this.peerDone) this.enter('done');
  }

  /** It may overtake the own host, which still stores what the peer has sent before. */
  private onBye(): void {
    if (this.phase === 'receipt' && this.receipt.told && !this.peerDone) {
      this.peerDone = true;
      return;
    }
    this.expectPhase('bye', { kind: 'bye' });
    this.enter('done');
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
