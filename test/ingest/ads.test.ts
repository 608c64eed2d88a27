import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isValidPhoneNumber } from 'libphonenumber-js/max';
import { describe, expect, it } from 'vitest';
import { adsColumns, adsDefaultCountry, generateAds } from '../../examples/ads/generate.mjs';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import { directory, readText, rowsOf } from './support.ts';

const ads = generateAds({ seed: 1, publisherRows: 10_000, advertiserRows: 8_000 });
const country = { defaultCountry: adsDefaultCountry };

describe('examples/ads', () => {
  it('is read by the product to a table whose plain-text waterfall is the stated truth', async () => {
    const publisher = await readText(ads.publisherCsv, adsColumns.publisher, {}, country);
    const advertiser = await readText(ads.advertiserCsv, adsColumns.advertiser, {}, country);
    expect(publisher.rows).toBe(10_000);
    expect(advertiser.rows).toBe(8_000);
    const match = plainWaterfall(rowsOf(publisher), rowsOf(advertiser), 3);
    expect(match.sizes).toEqual(ads.truth.sizes);
    expect(match.pairs.length).toBe(ads.truth.matched);
    // a waterfall worth showing: every column adds rows, and nobody is in both files everywhere
    for (const size of match.sizes) expect(size).toBeGreaterThan(100);
    for (const empties of [...publisher.empties, ...advertiser.empties]) {
      expect(empties).toBeGreaterThan(100);
    }
    for (const [cell] of rowsOf(publisher).map((row) => [row[1]])) {
      if (typeof cell === 'string') expect(isValidPhoneNumber(cell)).toBe(true);
    }
  });

  it('is the same for the same seed and another for another', () => {
    const small = { publisherRows: 50, advertiserRows: 40 };
    expect(generateAds({ seed: 9, ...small })).toEqual(generateAds({ seed: 9, ...small }));
    expect(generateAds({ seed: 8, ...small })).not.toEqual(generateAds({ seed: 9, ...small }));
  });

  it.each([
    [1, 1],
    [1, 30],
    [30, 1],
    [500, 50],
  ])('makes tables of %i and %i rows', async (publisherRows, advertiserRows) => {
    const { publisherCsv, advertiserCsv, truth } = generateAds({
      seed: 3,
      publisherRows,
      advertiserRows,
    });
    const a = await readText(publisherCsv, adsColumns.publisher, {}, country);
    const b = await readText(advertiserCsv, adsColumns.advertiser, {}, country);
    expect([a.rows, b.rows]).toEqual([publisherRows, advertiserRows]);
    expect(plainWaterfall(rowsOf(a), rowsOf(b), 3).sizes).toEqual(truth.sizes);
  });

  it('refuses to run out of reserved telephone numbers', () => {
    expect(() => generateAds({ seed: 1, publisherRows: 100_000, advertiserRows: 1 })).toThrow(
      RangeError,
    );
  });

  it('writes its files with plain node', () => {
    const script = fileURLToPath(new URL('../../examples/ads/generate.mjs', import.meta.url));
    const target = join(directory, 'ads');
    const done = spawnSync(process.execPath, [script, target], { encoding: 'utf8' });
    expect([done.status, done.stderr]).toEqual([0, '']);
    expect(readFileSync(join(target, 'publisher.csv'), 'utf8')).toBe(ads.publisherCsv);
    expect(readFileSync(join(target, 'advertiser.csv'), 'utf8')).toBe(ads.advertiserCsv);
    expect(JSON.parse(readFileSync(join(target, 'truth.json'), 'utf8'))).toEqual(ads.truth);
    expect(spawnSync(process.execPath, [script]).status).toBe(2);
  });
});

describe('the plain-text reference', () => {
  it('removes matched rows before the next column', () => {
    // row 0 meets b1 by the first column, so its second identifier leaves b0 without a partner
    const a = [
      ['x', 'p'],
      ['y', 'q'],
      [null, 'r'],
    ];
    const b = [
      [null, 'p'],
      ['x', 'q'],
      ['z', 'r'],
    ];
    expect(plainWaterfall(a, b, 2)).toEqual({
      sizes: [1, 1],
      pairs: [
        { a: 0, b: 1, column: 0 },
        { a: 2, b: 2, column: 1 },
      ],
      matchedA: [0, 2],
      matchedB: [1, 2],
    });
    expect(plainWaterfall(a, b, 1).sizes).toEqual([1]);
  });

  it('never matches empties, and refuses a repeated identifier', () => {
    expect(plainWaterfall([[null]], [[null]], 1).sizes).toEqual([0]);
    expect(() => plainWaterfall([['x'], ['x']], [[null]], 1)).toThrow('twice');
  });
});
