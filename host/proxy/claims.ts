/**
 * What every release is reported with beside the release itself (docs/threat-model.md): epsilon under replacement of the
 * manifest's own claim, and what the own ledger has registered and spent, which is the claim over all its plans.
 * @module
 */
import { parseDecimal, floorNumber } from '../../src/dp/decimal.ts';
import { replaceEpsilon } from '../../src/dp/replace.ts';
import type { JsonObject } from '../../src/json.ts';
import { claimOf, type Manifest, privacyHash } from '../../src/run/manifest.ts';
import { toHex } from '../../src/encoding.ts';
import type { Party } from '../config/party.ts';
import { openLedger } from '../ledger/lineage.ts';
import { LedgerStore } from '../ledger/store.ts';

/** Rounded up to two places: a claim must not look smaller than it is. */
function roundedUp(value: number): string {
  return value === Infinity ? 'infinite' : (Math.ceil(value * 100) / 100).toFixed(2);
}

/** The manifest's own claim under replacement. Takes tenths of a second, and nothing of the run. */
export function replacementClaim(manifest: Manifest): string {
  const { mask, runs, delta } = manifest.privacy;
  const least = floorNumber(parseDecimal(delta));
  return roundedUp(replaceEpsilon(mask, runs, least, claimOf(manifest).outputs));
}

/** Of the own ledger: registered epsilon and delta, slots spent and left. */
export function ledgerClaim({ config, manifest }: Party): JsonObject {
  const ledger = openLedger(new LedgerStore(config.ledger));
  const plan = toHex(privacyHash(manifest));
  const use = ledger.plans.find(({ hash }) => hash === plan);
  return {
    epsilon: ledger.registration.epsilon,
    delta: ledger.registration.delta,
    slotsSpent: use?.used ?? 0,
    slotsLeft: use === undefined ? 0 : use.slots - use.used,
  };
}
