/**
 * A manifest in words, for the people who sign it: who, what is matched, what is released, what it costs.
 * @module
 */
import { fromHex, toHex } from '../../src/encoding.ts';
import { columnPlan } from '../../src/dp/mask.ts';
import { rootText, variance } from '../../src/dp/noise-law.ts';
import { maskRows } from '../../src/dp/plan.ts';
import { manifestHash, type Manifest, type Role } from '../../src/run/manifest.ts';
import { keyFingerprint, spokenFingerprint } from '../keys/peers.ts';
import { statisticWords } from './statistic-flags.ts';

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** The hash that both parties compare by voice, and in full. */
export function hashLines(manifest: Manifest): string[] {
  const hash = manifestHash(manifest);
  return [`Manifest  ${spokenFingerprint(hash)}`, `          SHA-256 ${toHex(hash)}`];
}

/** One paragraph per topic; `own` marks this side's party. */
export function explainManifest(manifest: Manifest, own?: Role): string[] {
  const { privacy, columns, parties, normalisation } = manifest;
  const lines = [...hashLines(manifest), `Purpose   ${manifest.purpose}`];
  for (const role of ['a', 'b'] as const) {
    const { name, identity, rowsMax } = parties[role];
    const mark = role === own ? ', this side' : '';
    lines.push(
      `Party ${role}   "${name}"${mark}, at most ${plural(rowsMax, 'row')}`,
      `          identity key ${keyFingerprint(fromHex(identity))}`,
    );
  }
  lines.push('Matching  a row is common when one identifier agrees, tried in this order:');
  columns.forEach(({ name, normalisation: rule }, i) => {
    const dummies = maskRows(privacy.mask)[i] ?? 0;
    const deviation = rootText(variance(columnPlan(privacy.mask, i)));
    lines.push(
      `          ${i + 1}. ${name} (rule ${rule}): ${plural(dummies, 'dummy row')} per party, ` +
        `noise of standard deviation ${deviation}`,
    );
  });
  if (columns.some((column) => column.normalisation === 'phone')) {
    const country = normalisation.defaultCountry;
    lines.push(
      country === null
        ? '          telephone numbers must state their country (+...)'
        : `          telephone numbers without a country are taken as ${country}`,
    );
  }
  for (const { name, owner, low, high } of manifest.values) {
    lines.push(`Value     ${name} of party ${owner}, clipped to ${low}..${high}`);
  }
  const total = rootText(variance(privacy.mask));
  const { release, threshold } = manifest;
  lines.push(
    `Output    to ${release === 'both' ? 'both parties' : `party ${release} only`}:`,
    `          the total count carries noise of standard deviation ${total}`,
    ...manifest.statistics.map((statistic) => `          ${statisticWords(statistic)}`),
    ...(threshold === undefined
      ? []
      : [`          figures of fewer than ${threshold} rows (as noised) are suppressed`]),
    ...(manifest.statistics.some(({ kind }) => kind === 'shares')
      ? [
          '          THE SECRET SHARES CARRY NO DIFFERENTIAL PRIVACY; both configurations must allow them',
        ]
      : []),
    `Privacy   epsilon ${privacy.epsilon} and delta ${privacy.delta} for ${plural(privacy.runs, 'run')} in all,`,
    '          under null-a-row adjacency: whatever is released about a table would be almost as likely,',
    `          by a factor of e^${privacy.epsilon} except with probability ${privacy.delta}, if any one of its rows`,
    '          were replaced by a row that matches nothing. Table lengths are public.',
  );
  return lines;
}
