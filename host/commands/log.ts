/**
 * `dpca log init|list|show|prove|export|cosign|fetch`: the organisation's log of runs (docs/auditing.md section 3).
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { toBase64 } from '../../attestation/base64.ts';
import { auditBundle, auditMemory } from '../../attestation/audit.ts';
import { readBundle } from '../../attestation/bundle.ts';
import {
  cosign,
  openCheckpoint,
  parseNote,
  withCosignature,
} from '../../attestation/checkpoint.ts';
import { cosignerName } from '../../attestation/ledger-session.ts';
import { logOrigin, type LogRecord } from '../../attestation/log-record.ts';
import { MerkleTree } from '../../attestation/merkle.ts';
import { parsePolicy } from '../../attestation/policy.ts';
import { receiptId } from '../../attestation/receipt.ts';
import { equalConstantTime } from '../../src/bytes.ts';
import { fromHex, fromUtf8, toHex, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import { isoInstant } from '../cli/instant.ts';
import type { Io } from '../cli/io.ts';
import { loadConfig } from '../config/config.ts';
import { loadParty, type Party } from '../config/party.ts';
import { addConfigOptions, configPath, type Overrides } from '../config/settings.ts';
import { readTextFile } from '../keys/files.ts';
import { loadKeys } from '../keys/keys.ts';
import { completionFrom, exportLog } from '../log/bundle.ts';
import { logFolder, logOwner, openLog } from '../log/run-log.ts';
import { type LogOwner, LogStore } from '../log/store.ts';
import { verifyEd25519 } from '../ed25519-node.ts';
import { verifyP384 } from '../p384-webcrypto.ts';
import { releaseText } from '../proxy/release-text.ts';

type Flags = Overrides & { readonly config?: string };

function load(io: Io, given: Flags): { party: Party; store: LogStore; owner: LogOwner } {
  const party = loadParty(loadConfig(configPath(given.config, io.env), given, io.env));
  return { party, store: new LogStore(logFolder(party.config)), owner: logOwner(party) };
}

/** A file written once; nothing is overwritten. */
function writeNew(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx' });
  } catch (cause) {
    throw new DpcaError('ERR_CONFIG_EXISTS', `${path}: cannot be created, or exists`, { cause });
  }
}

export function readFileBytes(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new DpcaError('ERR_CONFIG_FILE', `${path}: cannot be read`, { cause });
  }
}

function nameOf(record: LogRecord): string {
  switch (record.type) {
    case 'open':
      return `log of "${record.party.name}"`;
    case 'policy':
      return `policy ${record.hash.slice(0, 16)}`;
    case 'run':
      return `receipt ${toHex(receiptId(record.receipt)).slice(0, 16)}, session ${record.receipt.session.slice(0, 16)}`;
    case 'reattest':
      return `session ${record.session.slice(0, 16)}, epoch ${record.epoch}`;
    case 'refusal':
      return `${record.code}, by ${record.by === 'own' ? 'this side' : 'the other side'}`;
    case 'abort':
      return `${record.code} in phase ${record.phase}${record.charged === null ? '' : ', slot spent'}`;
  }
}

async function init(io: Io, given: Flags & { readonly continues?: string }): Promise<void> {
  const { store, owner } = load(io, given);
  if (store.records.length > 0) {
    throw new DpcaError('ERR_CONFIG_EXISTS', `${store.folder}: there is a log already`);
  }
  const previous = given.continues === undefined ? null : readTextFile(given.continues);
  if (previous !== null) parseNote(utf8(previous));
  await openLog(store, owner, io.signal, previous);
  io.result(
    { folder: store.folder, origin: logOrigin(toHex(owner.log.publicKey)) },
    `Opened the log ${store.folder}. Keep this folder: an older copy of it is refused by the peers.`,
  );
}

function list(io: Io, given: Flags): void {
  const { store, owner } = load(io, given);
  store.assertContinues(owner);
  const completions = store.completions();
  const rows = store.records.map((_line, seq) => {
    const record = store.record(seq);
    const complete = record.type === 'run' ? completions.has(seq) : null;
    return {
      seq,
      type: record.type,
      time: isoInstant(record.time),
      what: nameOf(record),
      complete,
    };
  });
  io.result(
    { folder: store.folder, records: rows, root: toHex(store.tree.root()) },
    [
      ...rows.map(
        ({ seq, type, time, what, complete }) =>
          `${String(seq).padStart(6)}  ${time}  ${type.padEnd(8)}  ${what}${complete === false ? ' (without release)' : ''}`,
      ),
      `${rows.length} records, root ${toHex(store.tree.root())}`,
    ].join('\n'),
  );
}

/** The record with this number, or the run whose receipt or session begins with this text. */
function find(store: LogStore, name: string): number {
  if (/^[0-9]{1,9}$/.test(name) && Number(name) < store.records.length) return Number(name);
  const found = store.records.flatMap((_line, seq) => {
    const record = store.record(seq);
    if (record.type !== 'run') return [];
    const { receipt } = record;
    const names = [toHex(receiptId(receipt)), receipt.session];
    return names.some((full) => full.startsWith(name)) ? [seq] : [];
  });
  const [seq] = found;
  if (seq === undefined || found.length > 1 || name.length < 4) {
    throw new DpcaError(
      'ERR_USAGE',
      `"${name}": expected a record's number, or the beginning of a receipt or session`,
    );
  }
  return seq;
}

function show(io: Io, name: string, given: Flags): void {
  const { store } = load(io, given);
  const seq = find(store, name);
  const record = store.record(seq);
  const completion = store.completions().get(seq);
  const release = completion?.opened?.release ?? null;
  const receipt = record.type === 'run' ? toHex(receiptId(record.receipt)) : null;
  io.result(
    { record, receipt, completion: completion ?? null },
    [
      `record    ${seq}, ${record.type}, ${isoInstant(record.time)} (${record.clock})`,
      `          ${nameOf(record)}`,
      ...(release === null ? [] : [releaseText({ ...release, receipt })]),
      ...(record.type === 'run' && release === null
        ? ['The release was not handed out here; see dpca log fetch.']
        : []),
    ].join('\n'),
  );
}

/** C2SP tlog-proof: index, audit path, and the signed checkpoint that they lead to. */
function prove(io: Io, name: string, given: Flags & { readonly from?: string }): void {
  const { store, owner } = load(io, given);
  const { tree } = store;
  const { note } = store.head(owner, 0);
  if (given.from !== undefined) {
    const from = Number(given.from);
    const hashes = tree.consistency(from).map(toBase64);
    io.result({ from, to: tree.size, hashes, checkpoint: note }, [...hashes, '', note].join('\n'));
    return;
  }
  const seq = find(store, name);
  const hashes = tree.inclusion(seq).map(toBase64);
  io.result(
    { index: seq, leaf: toHex(tree.leaf(seq)), hashes, checkpoint: note },
    [`c2sp.org/tlog-proof@v1`, `index ${seq}`, ...hashes, '', note].join('\n'),
  );
}

function exportBundle(io: Io, file: string, given: Flags): void {
  const { store, owner } = load(io, given);
  const bytes = exportLog(store, owner);
  writeNew(file, bytes);
  io.result(
    { file, records: store.records.length, bytes: bytes.length },
    `${store.records.length} records in ${file}. Whoever has it can audit it with dpca audit verify.`,
  );
}

/** A witness: checks that a bundle continues what it has seen, and cosigns its head. */
function witness(io: Io, file: string, flags: { keys: string; seen: string; out: string }): void {
  const bundle = readBundle(readFileBytes(file));
  const { log } = loadKeys(flags.keys);
  const own = { name: cosignerName(toHex(log.publicKey)), publicKey: log.publicKey };
  const key = { name: bundle.origin, publicKey: fromHex(bundle.log) };
  const plain = utf8(fromUtf8(utf8(bundle.checkpoint)).split('\n').slice(0, 5).join('\n') + '\n');
  const head = openCheckpoint(plain, key, []);
  const tree = new MerkleTree(bundle.leaves);
  if (head.size !== tree.size || !equalConstantTime(tree.root(), head.root)) {
    throw new DpcaError(
      'ERR_AUDIT_TREE',
      `${file}: the records do not give the root of the checkpoint`,
    );
  }
  let before: Uint8Array | undefined;
  try {
    before = readFileBytes(flags.seen);
  } catch {
    before = undefined; // the first time
  }
  if (before !== undefined) {
    const seen = openCheckpoint(before, key, [own]);
    if (seen.size > tree.size || !equalConstantTime(tree.root(seen.size), seen.root)) {
      throw new DpcaError(
        'ERR_AUDIT_FORK',
        `${file}: does not continue the ${seen.size} records seen before`,
      );
    }
  }
  const time = BigInt(Math.floor(Date.now() / 1000));
  const signed = withCosignature(
    plain,
    own,
    cosign(head, { ...own, secretKey: log.privateKey }, time),
  );
  writeFileSync(flags.seen, signed);
  writeNew(flags.out, signed);
  io.result(
    { size: head.size, root: toHex(head.root), witness: own.name, publicKey: toHex(log.publicKey) },
    `Cosigned ${head.size} records of ${bundle.origin} as ${own.name}. Give ${flags.out} to the log's owner.`,
  );
}

function takeCosigned(io: Io, file: string, key: string, given: Flags): void {
  const { store, owner } = load(io, given);
  const note = readFileBytes(file);
  const by = { name: cosignerName(key), publicKey: fromHex(key) };
  const own = { name: logOrigin(toHex(owner.log.publicKey)), publicKey: owner.log.publicKey };
  const { size, root, cosignatures } = openCheckpoint(note, own, [by]);
  if (cosignatures.length === 0 || !equalConstantTime(store.tree.root(size), root)) {
    throw new DpcaError('ERR_AUDIT_FORK', `${file}: not a cosigned checkpoint of this log`);
  }
  store.saveWitnessed(by.name, note);
  io.result({ size, witness: by.name }, `${by.name} has cosigned the first ${size} records.`);
}

async function fetch(io: Io, file: string, given: Flags): Promise<void> {
  const { party, store, owner } = load(io, given);
  const peer = readBundle(readFileBytes(file));
  const parties = [party.own, party.other];
  const policy = parsePolicy(readTextFile(party.config.policy));
  const roots = policy.roots.map(({ fingerprint }) => fingerprint);
  const there = store.completions();
  const missing = store.records.flatMap((_line, seq) => {
    const record = store.record(seq);
    return record.type === 'run' && !there.has(seq) ? [record] : [];
  });
  const memory = auditMemory();
  const fetched: JsonObject[] = [];
  for (const record of missing) {
    const completion = completionFrom(store, peer, record.receipt.session);
    if (completion === undefined) continue;
    // believed as an auditor would: signatures, commitment, cosignatures, the other log's proof
    const bundle = readBundle(exportLog(store, owner));
    const completions = new Map([...bundle.completions, [completion.seq, completion]]);
    const { checks } = await auditBundle(
      { ...bundle, completions },
      { parties, roots, policy, verifyP384, verifyEd25519, memory },
    );
    const wrong = checks.find(
      ({ record: at, field, class: kind }) =>
        at === completion.seq && kind !== 'notice' && field.startsWith('/completion'),
    );
    if (wrong !== undefined) throw new DpcaError('ERR_AUDIT_RELEASE', `${file}: ${wrong.detail}`);
    await store.complete(completion, io.signal);
    const receipt = toHex(receiptId(record.receipt));
    const release = completion.opened?.release ?? null;
    fetched.push({ record: record.seq, receipt, release });
  }
  io.result(
    { fetched },
    fetched.length === 0
      ? 'No release was missing here that is there.'
      : fetched
          .map(({ release, receipt }) =>
            releaseText({ ...(release as JsonObject), receipt: receipt ?? null }),
          )
          .join('\n\n'),
  );
}

export function registerLog(program: Command, io: Io): void {
  const log = program
    .command('log')
    .description('what was run with whom and what came out: the record that auditors check');
  addConfigOptions(
    log
      .command('init')
      .description('open the log before the first run, or under a new log key')
      .option('--continues <note>', 'last checkpoint of the log that this one continues'),
  ).action((given: Flags & { continues?: string }) => init(io, given));
  addConfigOptions(log.command('list').description('all records, oldest first')).action(
    (given: Flags) => {
      list(io, given);
    },
  );
  addConfigOptions(
    log
      .command('show')
      .description('one record, and its release')
      .argument('<record>', 'its number, or the beginning of its receipt or session'),
  ).action((name: string, given: Flags) => {
    show(io, name, given);
  });
  addConfigOptions(
    log
      .command('prove')
      .description('that a record is in the signed tree (c2sp.org/tlog-proof)')
      .argument('[record]', 'its number, or the beginning of its receipt or session', '0')
      .option('--from <size>', 'instead: that the tree continues its first <size> records'),
  ).action((name: string, given: Flags & { from?: string }) => {
    prove(io, name, given);
  });
  addConfigOptions(
    log
      .command('export')
      .description('the whole log as one file for dpca audit verify')
      .argument('<file>', 'new file'),
  ).action((file: string, given: Flags) => {
    exportBundle(io, file, given);
  });
  addConfigOptions(
    log
      .command('cosign')
      .description(
        'a third witness cosigns a bundle (--keys, --seen, --out); its owner takes it (--by)',
      )
      .argument('<file>', 'the bundle, or the cosigned checkpoint to take')
      .option('--seen <file>', 'witness: the last checkpoint it has cosigned, kept by it')
      .option('--out <file>', 'witness: where the cosigned checkpoint goes')
      .option('--by <key>', "owner: the witness's log key, 64 hex digits"),
  ).action((file: string, given: Flags & { seen?: string; out?: string; by?: string }) => {
    const { keys, seen, out, by } = given;
    if (by !== undefined) takeCosigned(io, file, by, given);
    else if (keys !== undefined && seen !== undefined && out !== undefined) {
      witness(io, file, { keys, seen, out });
    } else throw new DpcaError('ERR_USAGE', 'expected --keys, --seen and --out, or --by');
  });
  addConfigOptions(
    log
      .command('fetch')
      .description("releases that were lost here, from the other party's bundle")
      .argument('<bundle>', "what the other party's dpca log export wrote"),
  ).action((file: string, given: Flags) => fetch(io, file, given));
}
