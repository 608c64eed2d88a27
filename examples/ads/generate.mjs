// Two synthetic customer tables for ad conversion measurement - impressions of a publisher, purchases at a shop - and the
// truth about their overlap.
//
//   node examples/ads/generate.mjs <directory> [seed]
//
// writes publisher.csv, advertiser.csv and truth.json. Nobody in them exists: e-mail domains are reserved by
// RFC 2606 and every telephone number ends in 555-0100 to 555-0199, which the North American Numbering Plan keeps
// for fiction.
import {
  bell,
  capitalised,
  csv,
  identifiers,
  main,
  shuffle,
  splitmix32,
  sum,
  vary,
  waterfall,
} from '../synthetic.mjs';

/** Clipped in the enclaves; a purchase above it counts as this much. */
const SPEND_MAX = 128;
const HOURS = 720;
const WEEK = 168;
const CAMPAIGNS = [1, 2, 3, 4];

// Shares, chosen to look like what a publisher (log-ins and app traffic) and a shop (orders) hold.
const OVERLAP_OF_SMALLER = 0.32;
const KNOWN = {
  publisher: { email: 0.86, phone: 0.5, device: 0.74 },
  advertiser: { email: 0.93, phone: 0.6, device: 0.31 },
};
const SAME_ON_BOTH_SIDES = { email: 0.72, phone: 0.9, device: 0.8 };
/** Rows of the shop that carry the telephone or device of somebody else in the household. */
const HOUSEHOLD_OF_SMALLER = 0.03;

function generate(seed, rows) {
  const random = splitmix32(seed);
  const fresh = identifiers(random);
  const smaller = Math.min(rows.a, rows.b);
  const common = Math.round(OVERLAP_OF_SMALLER * smaller);

  const publisher = [];
  const advertiser = [];
  for (let i = 0; i < rows.a; i++) {
    const person = { email: fresh.email(), phone: '', device: '' };
    if (random() < KNOWN.publisher.phone) person.phone = fresh.phone();
    if (random() < KNOWN.publisher.device) person.device = fresh.device();
    publisher.push(person);
    if (i < common) advertiser.push(asSeenByShop(person, random, fresh));
    // A log-in by telephone or device alone has no address; every row keeps one identifier.
    const hasOther = person.phone !== '' || person.device !== '';
    if (hasOther && random() >= KNOWN.publisher.email) person.email = '';
    person.campaign = 1 + Math.floor(random() * CAMPAIGNS.length);
    person.exposure_hour = Math.floor(random() * HOURS);
    const customer = i < common ? advertiser[i] : undefined;
    // campaigns differ in what they bring, and half of the customers buy within days
    if (customer !== undefined) {
      customer.spend = bell(random, 25 + 20 * person.campaign, 25, 1, 400);
      const waited = random() < 0.5 ? Math.floor(random() * WEEK) : Math.floor(random() * HOURS);
      customer.purchase_hour = Math.min(HOURS - 1, person.exposure_hour + waited);
    }
  }
  while (advertiser.length < rows.b) {
    advertiser.push({
      email: random() < KNOWN.advertiser.email ? fresh.email() : '',
      phone: random() < KNOWN.advertiser.phone ? fresh.phone() : '',
      device: random() < KNOWN.advertiser.device ? fresh.device() : '',
      spend: bell(random, 60, 30, 1, 400),
      purchase_hour: Math.floor(random() * HOURS),
    });
  }
  shareHouseholds(publisher, advertiser, Math.round(HOUSEHOLD_OF_SMALLER * smaller), random);
  shuffle(publisher, random);
  shuffle(advertiser, random);

  const { sizes, pairs } = waterfall(publisher, advertiser, ['email', 'phone', 'device']);
  const spend = ([, { spend: paid }]) => Math.min(paid, SPEND_MAX);
  const inTime = pairs.filter(([shown, bought]) => {
    const waited = bought.purchase_hour - shown.exposure_hour;
    return waited >= 0 && waited <= WEEK;
  });
  return {
    a: publisherFile(publisher, random),
    b: advertiserFile(advertiser, random),
    truth: {
      seed,
      rows,
      sizes,
      matched: pairs.length,
      statistics: [
        { kind: 'count', value: pairs.length },
        { kind: 'sum', value: sum(pairs.map(spend)) },
        {
          kind: 'histogram',
          groups: CAMPAIGNS.map((group) => {
            const own = pairs.filter(([{ campaign }]) => campaign === group);
            return { group, count: own.length, sum: sum(own.map(spend)) };
          }),
        },
        { kind: 'attributed', count: inTime.length, sum: sum(inTime.map(spend)) },
      ],
    },
  };
}

/** The same person as a customer: other gaps, and now and then another address, number or handset. */
function asSeenByShop(person, random, fresh) {
  const row = {};
  for (const kind of ['email', 'phone', 'device']) {
    const same = random() < SAME_ON_BOTH_SIDES[kind] && person[kind] !== '';
    row[kind] = random() >= KNOWN.advertiser[kind] ? '' : same ? person[kind] : fresh[kind]();
  }
  return row;
}

/** Gives rows of the shop a telephone or device of another publisher row, if no row of the shop has it. */
function shareHouseholds(publisher, advertiser, attempts, random) {
  for (const kind of ['phone', 'device']) {
    const taken = new Set(advertiser.map((row) => row[kind]));
    for (let i = 0; i < attempts; i++) {
      const shared = publisher[Math.floor(random() * publisher.length)][kind];
      const row = advertiser[Math.floor(random() * advertiser.length)];
      if (shared === '' || taken.has(shared)) continue;
      taken.add(shared);
      row[kind] = shared;
    }
  }
}

function publisherFile(rows, random) {
  const lines = rows.map(({ email, phone, device, campaign, exposure_hour: shown }) => {
    // log-ins keep what was typed; decomposed letters come from one operating system's keyboard
    const typed = vary(
      random,
      [0.8, email],
      [0.9, capitalised(email)],
      [1, email.normalize('NFD')],
    );
    const msisdn = phone === '' ? '' : vary(random, [0.7, `+1${phone}`], [1, `1${phone}`]);
    return [typed, msisdn, device, `${campaign}`, `${shown}`];
  });
  return csv([['user_email', 'msisdn', 'gaid', 'campaign', 'exposure_hour'], ...lines], '\n');
}

function advertiserFile(rows, random) {
  const lines = rows.map(({ email, phone, device, spend, purchase_hour: bought }) => {
    const [area, end] = [phone.slice(0, 3), phone.slice(6)];
    const address =
      email === ''
        ? vary(random, [0.9, ''], [1, ' '])
        : vary(
            random,
            [0.7, email],
            [0.85, capitalised(email)],
            [0.95, email.toUpperCase()],
            [1, ` ${email} `],
          );
    const number =
      phone === ''
        ? ''
        : vary(
            random,
            [0.3, `(${area}) 555-${end}`],
            [0.5, `${area}-555-${end}`],
            [0.7, `${area}.555.${end}`],
            [0.85, `+1 ${area} 555 ${end}`],
            [1, `1 ${area} 555 ${end}`],
          );
    const handset = vary(random, [0.6, device.toUpperCase()], [1, device]);
    return [address, number, handset, `${bought}`, `${spend}`];
  });
  return (
    '\uFEFF' +
    csv([['Email', 'Phone number', 'Device', 'Purchase hour', 'Spend'], ...lines], '\r\n')
  );
}

/** What the demo needs: who, which columns, what is asked, what it may cost, and the data. */
export const example = {
  name: 'ads',
  title:
    'Ad conversion measurement: how many saw an ad and bought, how much, by campaign, within a week?',
  parties: { a: 'publisher', b: 'advertiser' },
  rows: { a: 10_000, b: 8_000 },
  country: 'US',
  columns: [
    { name: 'email', normalisation: 'email', a: 'user_email', b: 'Email' },
    { name: 'phone', normalisation: 'phone', a: 'msisdn', b: 'Phone number' },
    { name: 'device', normalisation: 'lowercase', a: 'gaid', b: 'Device' },
  ],
  values: [
    { name: 'campaign', owner: 'a', low: 0, high: 4, from: 'campaign' },
    { name: 'exposure_hour', owner: 'a', low: 0, high: HOURS - 1, from: 'exposure_hour' },
    { name: 'purchase_hour', owner: 'b', low: 0, high: HOURS - 1, from: 'Purchase hour' },
    { name: 'spend', owner: 'b', low: 0, high: SPEND_MAX, from: 'Spend' },
  ],
  statistics: [
    'count',
    'sum:spend',
    `histogram:campaign:${CAMPAIGNS.join(',')}:spend`,
    `attributed:purchase_hour:exposure_hour:0..${WEEK}:spend`,
  ],
  privacy: { epsilon: '4', delta: '0.00001', runs: 4 },
  generate,
};

main(import.meta.url, example);
