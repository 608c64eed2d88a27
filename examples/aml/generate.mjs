// Two synthetic customer lists for anti-money-laundering - two banks, each with its own flags - and the truth about their
// overlap: how many customers do they share, and how many of those have both flagged?
//
//   node examples/aml/generate.mjs <directory> [seed]
//
// writes north.csv, south.csv and truth.json. Tax numbers are made up; telephone numbers are reserved for fiction.
import { csv, identifiers, main, shuffle, splitmix32, waterfall } from '../synthetic.mjs';

const OVERLAP_OF_SMALLER = 0.3;
const FLAGGED = 0.12;
/** Whom one bank has flagged, the other often has too. */
const FLAGGED_BY_BOTH = 0.55;
const KNOWN = { tax: 0.9, phone: 0.8 };

function generate(seed, rows) {
  const random = splitmix32(seed);
  const fresh = identifiers(random);
  const common = Math.round(OVERLAP_OF_SMALLER * Math.min(rows.a, rows.b));
  const north = [];
  const south = [];
  let serial = 0;
  const customer = () => ({
    tax: `T${String(seed).padStart(4, '0')}-${String((serial += 1)).padStart(7, '0')}`,
    phone: random() < KNOWN.phone ? fresh.phone() : '',
    flagged: random() < FLAGGED ? 1 : 0,
  });
  for (let i = 0; i < rows.a; i++) {
    const row = customer();
    north.push(row);
    if (i >= common) continue;
    const known = random() < KNOWN.tax || row.phone === '';
    const both = row.flagged === 1 && random() < FLAGGED_BY_BOTH;
    south.push({
      tax: known ? row.tax : customer().tax,
      phone: random() < KNOWN.phone ? row.phone : '',
      flagged: both || random() < FLAGGED ? 1 : 0,
    });
  }
  while (south.length < rows.b) south.push(customer());
  shuffle(north, random);
  shuffle(south, random);
  const { sizes, pairs } = waterfall(north, south, ['tax', 'phone']);
  const flagged = ({ flagged: mark }) => mark === 1;
  return {
    a: csv([['tax_id', 'mobile', 'flag'], ...north.map(line((phone) => `+1${phone}`))], '\n'),
    b: csv([['Tax number', 'Phone', 'Alert'], ...south.map(line((phone) => `1 ${phone}`))], '\r\n'),
    truth: {
      seed,
      rows,
      sizes,
      matched: pairs.length,
      statistics: [
        { kind: 'count', value: pairs.length },
        { kind: 'count', value: pairs.filter(([one]) => flagged(one)).length },
        { kind: 'count', value: pairs.filter(([one, two]) => flagged(one) && flagged(two)).length },
      ],
    },
  };
}

function line(spell) {
  return ({ tax, phone, flagged }) => [tax, phone === '' ? '' : spell(phone), `${flagged}`];
}

/** What the demo needs: who, which columns, what is asked, what it may cost, and the data. */
export const example = {
  name: 'aml',
  title:
    'Anti-money-laundering: how many customers do two banks share, and how many have both flagged?',
  parties: { a: 'north', b: 'south' },
  rows: { a: 12_000, b: 9_000 },
  country: 'US',
  columns: [
    { name: 'tax', normalisation: 'lowercase', a: 'tax_id', b: 'Tax number' },
    { name: 'phone', normalisation: 'phone', a: 'mobile', b: 'Phone' },
  ],
  values: [
    { name: 'flag_north', owner: 'a', low: 0, high: 1, from: 'flag' },
    { name: 'flag_south', owner: 'b', low: 0, high: 1, from: 'Alert' },
  ],
  statistics: ['count', 'count@flag_north=1', 'count@flag_north=1@flag_south=1'],
  privacy: { epsilon: '2', delta: '0.000001', runs: 3 },
  generate,
};

main(import.meta.url, example);
