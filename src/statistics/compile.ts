/**
 * The program for a manifest's statistics: which columns each party shares, how opened moments come from them
 * (src/mpc/program.ts), and which moments each statistic is made of. No secret.
 * @module
 */
import type { OutputNoise } from '../dp/output-noise.ts';
import type { Moment, PartyName, Program } from '../mpc/program.ts';
import { Builder } from './builder.ts';
import { type OwnRows, ownColumns } from './columns.ts';
import { isNoised, type Statistic } from './definition.ts';
import {
  centre,
  type Design,
  type Factor,
  type MomentFamily,
  Moments,
  type Term,
} from './moments.ts';

/** Moments by their part in a statistic; a missing `count` is the count of all common rows, from the masked sizes. */
export interface Parts {
  readonly count?: MomentFamily;
  readonly sum?: MomentFamily;
  /** First-order and second-order sums of each value of the statistic, about the centres of their bounds. */
  readonly firsts?: readonly MomentFamily[];
  readonly squares?: readonly MomentFamily[];
  readonly product?: MomentFamily;
}

export interface Compiled {
  readonly program: Program;
  /** Moments that can change between neighbours, and when a row is replaced: what each run costs beside the sizes. */
  readonly slots: number;
  readonly replaceSlots: number;
  readonly families: readonly MomentFamily[];
  /** Per statistic, in the manifest's order. */
  readonly parts: readonly Parts[];
  readonly noise: OutputNoise | undefined;
  /** The words of one party's input columns, in the program's order; see {@link ownColumns}. */
  readonly columnsOf: (party: PartyName, own: OwnRows, order: Uint32Array) => BigUint64Array[];
}

/** The terms that one statistic needs; see {@link Parts}. */
function partsOf(statistic: Statistic, moments: Moments, design: Design, path: string): Parts {
  if (!isNoised(statistic) || statistic.kind === 'shares') return {};
  const where = statistic.where ?? [];
  const family = (factors: readonly Factor[], rest: Partial<Term> = {}): MomentFamily =>
    moments.family({ factors, where, ...rest }, path);
  const count = (): Parts => (where.length === 0 ? {} : { count: family([]) });
  const raw = (name: string): Factor => ({ value: moments.value(name), offset: 0 });
  const centred = (name: string): Factor => {
    const value = moments.value(name);
    return { value, offset: centre(value) };
  };
  switch (statistic.kind) {
    case 'count':
      return count();
    case 'sum': {
      const tested = design.threshold === undefined ? {} : count();
      return { ...tested, sum: family([raw(statistic.of)]) };
    }
    case 'mean':
      return { ...count(), firsts: [family([moments.first(statistic.of, where)])] };
    case 'variance':
    case 'covariance':
    case 'correlation': {
      const counted = count();
      const names = typeof statistic.of === 'string' ? [statistic.of] : statistic.of;
      const firsts = names.map((name) => family([moments.first(name, where)]));
      const squares =
        statistic.kind === 'covariance'
          ? []
          : names.map((name) => family([centred(name), centred(name)]));
      const product = names.length < 2 ? {} : { product: family(names.map(centred)) };
      return { ...counted, firsts, squares, ...product };
    }
    case 'histogram': {
      const groups = { value: moments.value(statistic.group), members: statistic.groups };
      const sum = statistic.sum;
      return {
        count: family([], { groups }),
        ...(sum === undefined ? {} : { sum: family([raw(sum)], { groups }) }),
      };
    }
    case 'attributed': {
      const window = {
        ...{ conversion: moments.value(statistic.conversion) },
        ...{ exposure: moments.value(statistic.exposure), ...statistic.window },
      };
      const sum = statistic.sum;
      return {
        count: family([], { window }),
        ...(sum === undefined ? {} : { sum: family([raw(sum)], { window }) }),
      };
    }
  }
}

/**
 * Compiles the statistics (ERR_MANIFEST_PLAN where a sum over `rows` common rows could overflow). Both parties get the
 * same result. Without noise weights, which no manifest with moments lacks, moments carry no noise: tests only.
 */
export function compileStatistics(design: Design, rows: number): Compiled {
  const moments = new Moments(design, rows);
  const parts = design.statistics.map((statistic, i) =>
    partsOf(statistic, moments, design, `/statistics/${i}`),
  );
  const { families } = moments;
  const builder = new Builder((name) => moments.value(name).owner);
  const opened = families.flatMap((family): Moment[] => {
    const { noise, range } = family;
    return builder.term(family.term).map((word) => ({ word, noise, ...range }));
  });
  const kept = design.statistics.flatMap((statistic) => {
    if (statistic.kind !== 'shares') return [];
    const words = statistic.of.map((name) => {
      const value = moments.value(name);
      return builder.word(value.owner, [{ value, offset: 0 }], []);
    });
    return [builder.bit('a', []), ...words];
  });
  const { columns, instructions } = builder;
  return {
    program: {
      columns: columns.map(({ owner, sharing, bits }) => ({ owner, sharing, bits })),
      ...{ instructions, moments: opened, kept },
    },
    slots: families.reduce((sum, family) => sum + family.slots, 0),
    replaceSlots: families.reduce((sum, family) => sum + family.replaceSlots, 0),
    ...{ families, parts },
    noise: moments.noise,
    columnsOf: (party, own, order) => ownColumns(columns, design.values, party, own, order),
  };
}
