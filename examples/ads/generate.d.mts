export interface AdsTruth {
  readonly seed: number;
  readonly rows: { readonly publisher: number; readonly advertiser: number };
  /** logical names, in priority order */
  readonly columns: readonly string[];
  /** matched rows per column of the waterfall */
  readonly sizes: readonly number[];
  readonly matched: number;
}

export interface AdsColumn {
  readonly name: string;
  readonly normalisation: 'email' | 'phone' | 'lowercase';
  readonly from: string;
}

export declare const adsColumns: {
  readonly publisher: readonly AdsColumn[];
  readonly advertiser: readonly AdsColumn[];
};

export declare const adsDefaultCountry: string;

export declare function generateAds(options: {
  readonly seed: number;
  readonly publisherRows: number;
  readonly advertiserRows: number;
}): { readonly publisherCsv: string; readonly advertiserCsv: string; readonly truth: AdsTruth };
