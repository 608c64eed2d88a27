/**
 * `dpca ledger init|show|check|extend|accept`: register a lineage, see what is spent and left, and ask whether a run
 * would be refused, all before anything is spent (docs/ledger.md).
 * @module
 */
import type { Command } from 'commander';
import { cosignerName } from '../../attestation/ledger-session.ts';
import { openCheckpoint } from '../../attestation/checkpoint.ts';
import { type Ledger, composedDelta } from '../../attestation/ledger.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { certifyManifest, privacyHash } from '../../src/run/manifest.ts';
import type { Io } from '../cli/io.ts';
import { positiveInteger } from '../cli/program.ts';
import { loadConfig } from '../config/config.ts';
import { loadParty, type Party } from '../config/party.ts';
import { addConfigOptions, configPath, type Overrides } from '../config/settings.ts';
import { pinnedPeers } from '../keys/peers.ts';
import {
  assertContinues,
  extendLineage,
  openLedger,
  openOwnCheckpoint,
  registerLineage,
} from '../ledger/lineage.ts';
import { lockLedger } from '../ledger/lock.ts';
import { LedgerStore } from '../ledger/store.ts';

type Flags = Overrides & { readonly config?: string };
type InitFlags = Flags & { readonly name?: string; readonly perPeer?: number };
type ExtendFlags = Flags & {
  readonly epsilon: string;
  readonly delta: string;
  readonly perPeer?: number;
};

function load(io: Io, given: Flags): { party: Party; store: LedgerStore } {
  const party = loadParty(loadConfig(configPath(given.config, io.env), given, io.env));
  return { party, store: new LedgerStore(party.config.ledger) };
}

function summary(ledger: Ledger): string[] {
  const { name, lineage, epsilon, delta, rowsMax, perPeer } = ledger.registration;
  return [
    `Lineage   "${name}", ${lineage}`,
    `Claim     epsilon ${epsilon}, delta ${delta} for all ${ledger.capacity} registered runs, with any peer`,
    `Bounds    tables of at most ${rowsMax} rows; at most ${perPeer} runs with one peer`,
  ];
}

async function init(io: Io, given: InitFlags): Promise<void> {
  const { party, store } = load(io, given);
  const { manifest, role, keys, own } = party;
  const ledger = await registerLineage(
    store,
    { manifest, role, log: keys.log, signal: io.signal },
    {
      name: given.name ?? own.name,
      ...(given.perPeer === undefined ? {} : { perPeer: given.perPeer }),
    },
  );
  const { name, lineage } = ledger.registration;
  io.result(
    { folder: store.folder, lineage, name, slots: ledger.capacity },
    [
      ...summary(ledger),
      '',
      `Registered in ${store.folder}. Keep this folder: an older copy of it is refused by the peers.`,
    ].join('\n'),
  );
}

interface Remembered {
  readonly peer: string;
  readonly lineage: string;
  readonly records: number | null;
}

function remembered(party: Party, store: LedgerStore): readonly Remembered[] {
  return pinnedPeers(party.config.peers).flatMap((peer) =>
    store.remembered(peer.log).map(({ lineage, note }) => {
      if (note === undefined) return { peer: peer.name, lineage, records: null };
      const key = { name: `dpca-enclave/ledger/${lineage}`, publicKey: fromHex(peer.log) };
      return { peer: peer.name, lineage, records: openCheckpoint(note, key, []).size };
    }),
  );
}

/** Whether the stored checkpoint belongs to the records, and who cosigned it. */
function checkpointState(party: Party, store: LedgerStore, ledger: Ledger): string {
  const note = store.checkpoint();
  if (note === undefined) return 'not signed yet';
  assertContinues(party, store, ledger);
  const peers = pinnedPeers(party.config.peers);
  const opened = openOwnCheckpoint(party, ledger, note);
  const names = opened.cosignatures.map(
    ({ name }) => peers.find(({ log }) => cosignerName(log) === name)?.name ?? name,
  );
  const by = names.length === 0 ? 'cosigned by nobody' : `cosigned by ${names.join(', ')}`;
  return `${opened.size} of ${ledger.tree.size} records signed, ${by}`;
}

function show(io: Io, given: Flags): void {
  const { party, store } = load(io, given);
  const ledger = openLedger(store);
  const { lineage, name, epsilon, delta, rowsMax, perPeer } = ledger.registration;
  const peers = pinnedPeers(party.config.peers);
  const nameOf = (identity: string): string =>
    peers.find((peer) => peer.identity === identity)?.name ?? `${identity.slice(0, 16)}...`;
  const known = remembered(party, store);
  const plans = ledger.plans.map(({ hash, slots, used, epsilon: e, delta: d }) => ({
    ...{ plan: hash, epsilon: e, delta: d, slots, spent: used, left: slots - used },
  }));
  io.result(
    {
      ...{ lineage, name, epsilon, delta, rowsMax, perPeer, plans, remembered: known },
      spent: ledger.spent.map(({ slot, session, peer, plan }) => ({
        ...{ slot, session, plan, peer: peer.identity, pcr0: peer.pcr0 },
      })),
      checkpoint: { size: ledger.tree.size, root: toHex(ledger.tree.root()) },
    },
    [
      ...summary(ledger),
      ...plans.map(
        ({ plan, spent, slots, left }) =>
          `Plan      ${plan.slice(0, 16)}: ${spent} of ${slots} runs spent, ${left} left`,
      ),
      `Tree      ${ledger.tree.size} records, root ${toHex(ledger.tree.root())}`,
      `          ${checkpointState(party, store, ledger)}`,
      ...ledger.spent.map(
        ({ slot, of, session, peer }) =>
          `Slot      ${slot} of ${of}: "${nameOf(peer.identity)}", session ${session.slice(0, 16)}`,
      ),
      ...known.map(({ peer, lineage: id, records }) =>
        records === null
          ? `Peer      "${peer}": lineage ${id}, accepted, not seen yet`
          : `Peer      "${peer}": lineage ${id}, seen with ${records} records`,
      ),
    ].join('\n'),
  );
}

function check(io: Io, given: Flags): void {
  const { party, store } = load(io, given);
  const ledger = openLedger(store);
  certifyManifest(party.manifest);
  const { slot, left } = ledger.fit(party.manifest, party.role);
  io.result(
    { fits: true, slot, left, lineage: ledger.registration.lineage },
    [
      ...summary(ledger),
      '',
      `A run of this manifest with "${party.other.name}" fits: it would take slot ${slot}; ${left} left before it.`,
      'Nothing was spent by asking.',
    ].join('\n'),
  );
}

async function extend(io: Io, given: ExtendFlags): Promise<void> {
  const { party, store } = load(io, given);
  const { manifest, role, keys } = party;
  const { epsilon, delta, perPeer } = given;
  const ledger = await extendLineage(
    store,
    { manifest, role, log: keys.log, signal: io.signal },
    { epsilon, delta, ...(perPeer === undefined ? {} : { perPeer }) },
  );
  const upper = composedDelta(ledger.plans, parseDecimal(epsilon));
  const plan = ledger.plans.find(({ hash }) => hash === toHex(privacyHash(manifest)));
  io.result(
    {
      lineage: ledger.registration.lineage,
      ...{ epsilon, delta, deltaUpper: upper, slots: ledger.capacity, plan: plan?.hash },
    },
    [
      ...summary(ledger),
      '',
      `Registered ${manifest.privacy.runs} more runs. All registered runs together have delta of at most`,
      `${upper.toPrecision(3)} at epsilon ${epsilon}, whatever was spent of them before.`,
    ].join('\n'),
  );
}

async function accept(io: Io, lineage: string, given: Flags): Promise<void> {
  const { party, store } = load(io, given);
  if (!/^[0-9a-f]{32}$/.test(lineage)) {
    throw new DpcaError(
      'ERR_USAGE',
      'expected a lineage id of 32 hex digits, as named in the refusal',
    );
  }
  const { log, name } = party.other;
  const lock = await lockLedger(store.folder, io.signal);
  try {
    if (store.remembered(log).some((known) => known.lineage === lineage)) {
      throw new DpcaError(
        'ERR_CONFIG_EXISTS',
        `lineage ${lineage} of "${name}" is accepted already`,
      );
    }
    store.remember(log, lineage, new Uint8Array(0));
  } finally {
    lock.release();
  }
  io.result(
    { peer: name, lineage },
    [
      `Lineage ${lineage} of "${name}" is accepted beside those seen before.`,
      'Its slots start anew: what was spent in another lineage of the same data is not counted in it.',
    ].join('\n'),
  );
}

export function registerLedger(program: Command, io: Io): void {
  const ledger = program
    .command('ledger')
    .description('what runs have cost, what is left, and why a run would be refused');
  addConfigOptions(
    ledger
      .command('init')
      .description("register the manifest's plan for a new lineage of the own data")
      .option('--name <text>', 'of the data set, for people (default: name of the own party)')
      .option('--per-peer <n>', 'most runs with one peer (default: all)', positiveInteger),
  ).action((given: InitFlags) => init(io, given));
  addConfigOptions(ledger.command('show').description('claim, slots spent and left, peers')).action(
    (given: Flags) => {
      show(io, given);
    },
  );
  addConfigOptions(
    ledger.command('check').description('whether a run of the manifest would fit; costs nothing'),
  ).action((given: Flags) => {
    check(io, given);
  });
  addConfigOptions(
    ledger
      .command('extend')
      .description("register the manifest's plan on top, under a higher claim for everything")
      .requiredOption('--epsilon <decimal>', 'claim for all runs ever registered')
      .requiredOption('--delta <decimal>', 'claim for all runs ever registered')
      .option('--per-peer <n>', 'most runs with one peer (default: as before)', positiveInteger),
  ).action((given: ExtendFlags) => extend(io, given));
  addConfigOptions(
    ledger
      .command('accept')
      .description("accept another lineage of the manifest's other party, after asking why")
      .argument('<lineage>', 'lineage id, as named in the refusal'),
  ).action((lineage: string, given: Flags) => accept(io, lineage, given));
}
