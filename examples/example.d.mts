// What an example of this folder is: everything that the demo and its tests have to know about it.
type PartyName = 'a' | 'b';

/** The exact answer to the manifest's statistic at the same place; only generators and demos know it. */
export type Truth =
  | { readonly kind: 'count' | 'sum' | 'mean' | 'variance' | 'correlation'; readonly value: number }
  | {
      readonly kind: 'histogram';
      readonly groups: readonly {
        readonly group: number;
        readonly count: number;
        readonly sum: number;
      }[];
    }
  | { readonly kind: 'attributed'; readonly count: number; readonly sum: number };

export interface ExampleData {
  /** CSV files. */
  readonly a: string;
  readonly b: string;
  readonly truth: {
    readonly seed: number;
    readonly rows: Readonly<Record<PartyName, number>>;
    /** matched rows per column of the waterfall */
    readonly sizes: readonly number[];
    readonly matched: number;
    readonly statistics: readonly Truth[];
  };
}

export interface Example {
  readonly name: string;
  readonly title: string;
  readonly parties: Readonly<Record<PartyName, string>>;
  readonly rows: Readonly<Record<PartyName, number>>;
  readonly country: string | null;
  /** logical name, rule, and the file's column on either side */
  readonly columns: readonly ({
    readonly name: string;
    readonly normalisation:
      'email' | 'email-sha256' | 'phone' | 'lowercase' | 'sha256-hex' | 'none';
  } & Readonly<Record<PartyName, string>>)[];
  readonly values: readonly {
    readonly name: string;
    readonly owner: PartyName;
    readonly low: number;
    readonly high: number;
    readonly from: string;
  }[];
  /** as `dpca manifest init --statistic` takes them */
  readonly statistics: readonly string[];
  readonly privacy: { readonly epsilon: string; readonly delta: string; readonly runs: number };
  generate(seed: number, rows: Readonly<Record<PartyName, number>>): ExampleData;
}
