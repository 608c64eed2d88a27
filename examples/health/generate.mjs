// Two synthetic tables for health research - answers of a lifestyle cohort, hospital days of an insurer - and the truth
// about their overlap: do people who live more healthily spend fewer days in hospital?
//
//   node examples/health/generate.mjs <directory> [seed]
//
// writes cohort.csv, insurer.csv and truth.json. Member numbers are made up.
import { createHash } from 'node:crypto';
import { bell, csv, main, shuffle, splitmix32, sum, waterfall } from '../synthetic.mjs';

const OVERLAP_OF_SMALLER = 0.7;
/** Around the middle of the scale, so that sums stay small and their noise with them. */
const SCORE = { low: -5, high: 5 };
const DAYS = { low: 0, high: 15 };

const hashed = (member) => createHash('sha256').update(member).digest('hex');

function mean(numbers) {
  return sum(numbers) / numbers.length;
}

function covariance(x, y) {
  return mean(x.map((value, i) => value * y[i])) - mean(x) * mean(y);
}

function generate(seed, rows) {
  const random = splitmix32(seed);
  const common = Math.round(OVERLAP_OF_SMALLER * Math.min(rows.a, rows.b));
  const cohort = [];
  const insurer = [];
  const person = (serial) => {
    const score = bell(random, 0, 2.4, SCORE.low, SCORE.high);
    const days = Math.max(0, bell(random, 4 - 0.8 * score, 3, -20, 40));
    return { member: hashed(`member-${seed}-${serial}`), score, days };
  };
  for (let i = 0; i < rows.a; i++) {
    const row = person(i);
    cohort.push(row);
    if (i < common) insurer.push(row);
  }
  for (let i = rows.a; insurer.length < rows.b; i++) insurer.push(person(i));
  shuffle(cohort, random);
  shuffle(insurer, random);
  const { sizes, pairs } = waterfall(cohort, insurer, ['member']);
  const x = pairs.map(([{ score }]) => score);
  const y = pairs.map(([, { days }]) => Math.min(days, DAYS.high));
  return {
    a: csv([['member', 'score'], ...cohort.map(({ member, score }) => [member, `${score}`])], '\n'),
    b: csv(
      [['Member hash', 'Days'], ...insurer.map(({ member, days }) => [member, `${days}`])],
      '\n',
    ),
    truth: {
      seed,
      rows,
      sizes,
      matched: pairs.length,
      statistics: [
        { kind: 'count', value: pairs.length },
        { kind: 'mean', value: mean(y) },
        { kind: 'variance', value: covariance(y, y) },
        {
          kind: 'correlation',
          value: covariance(x, y) / Math.sqrt(covariance(x, x) * covariance(y, y)),
        },
      ],
    },
  };
}

/** What the demo needs: who, which columns, what is asked, what it may cost, and the data. */
export const example = {
  name: 'health',
  title: 'Health research: is a healthier life related to fewer days in hospital?',
  parties: { a: 'cohort', b: 'insurer' },
  rows: { a: 15_000, b: 12_000 },
  country: null,
  columns: [{ name: 'member', normalisation: 'sha256-hex', a: 'member', b: 'Member hash' }],
  values: [
    { name: 'score', owner: 'a', ...SCORE, from: 'score' },
    { name: 'days', owner: 'b', ...DAYS, from: 'Days' },
  ],
  statistics: ['count', 'mean:days', 'variance:days', 'correlation:score:days'],
  privacy: { epsilon: '2', delta: '0.000001', runs: 2 },
  generate,
};

main(import.meta.url, example);
