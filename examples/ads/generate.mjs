// Two synthetic customer tables for ad conversion measurement, and the truth about their overlap.
//
//   node examples/ads/generate.mjs <directory> [seed]
//
// writes publisher.csv, advertiser.csv and truth.json. Nobody in them exists: e-mail domains are reserved by
// RFC 2606 and every telephone number ends in 555-0100 to 555-0199, which the North American Numbering Plan keeps
// for fiction. Only node: built-ins, so that the demo can import it without a build.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How the two files are to be read: logical name, normalisation rule, column of the file. */
export const adsColumns = {
  publisher: [
    { name: 'email', normalisation: 'email', from: 'user_email' },
    { name: 'phone', normalisation: 'phone', from: 'msisdn' },
    { name: 'device', normalisation: 'lowercase', from: 'gaid' },
  ],
  advertiser: [
    { name: 'email', normalisation: 'email', from: 'Email' },
    { name: 'phone', normalisation: 'phone', from: 'Phone number' },
    { name: 'device', normalisation: 'lowercase', from: 'Device' },
  ],
};

/** Country of the telephone numbers in national format. */
export const adsDefaultCountry = 'US';

const FIRST = (
  'ada amir anna bela carlos chloë dana david elif emma eva farid fatima grace hana ivan jan josé julia kai ' +
  'lena leo lin luca maria mateo mei mila nadia noah olga omar priya ravi rosa sam sara tom yara zoë'
).split(' ');
const LAST = (
  'adams bauer cohen costa diaz evans fischer garcia haddad ivanov jensen kaya kim kowalski larsen lopez ' +
  'martin meyer mori moreau nguyen novak okafor owens patel popescu rossi sato silva singh smith suzuki ' +
  'tanaka torres usman vargas weber wong yilmaz zhang'
).split(' ');
const DOMAINS = [
  'example.com',
  'example.org',
  'example.net',
  'mail.example.com',
  'post.example.org',
];
const AREA_CODES = (
  '201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 ' +
  '252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 ' +
  '319 320 321 323 325 330 334 336 337 339 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 412 413 ' +
  '414 415 417 419 423 425 430 432 434 435 440 443 469 478 479 480 484 501 502 503 504 505 507 508 509 510 512 ' +
  '513 515 516 517 518 520 530 540 541 551 559 561 562 563 567 570 571 573 574 580 585 586 601 602 603 605 606 ' +
  '607 608 609 610 612 614 615 616 617 618 619 620 623 626 630 631 636 641 646 650 651 660 661 662 678 682 701 ' +
  '702 703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 727 731 732 734 740 754 757 760 763 765 770'
).split(' ');
const RESERVED_PER_AREA = 100;

// Shares, chosen to look like what a publisher (log-ins and app traffic) and a shop (orders) hold.
const OVERLAP_OF_SMALLER = 0.32;
const KNOWN = {
  publisher: { email: 0.86, phone: 0.5, device: 0.74 },
  advertiser: { email: 0.93, phone: 0.6, device: 0.31 },
};
const SAME_ON_BOTH_SIDES = { email: 0.72, phone: 0.9, device: 0.8 };
/** Rows of the shop that carry the telephone or device of somebody else in the household. */
const HOUSEHOLD_OF_SMALLER = 0.03;

/**
 * @param {{ seed: number, publisherRows: number, advertiserRows: number }} options seed: 32 bits
 * @returns {{ publisherCsv: string, advertiserCsv: string, truth: import('./generate.d.mts').AdsTruth }}
 */
export function generateAds({ seed, publisherRows, advertiserRows }) {
  const random = splitmix32(seed);
  const fresh = identifiers(random);
  const smaller = Math.min(publisherRows, advertiserRows);
  const common = Math.round(OVERLAP_OF_SMALLER * smaller);

  const publisher = [];
  const advertiser = [];
  for (let i = 0; i < publisherRows; i++) {
    const person = { email: fresh.email(), phone: '', device: '' };
    if (random() < KNOWN.publisher.phone) person.phone = fresh.phone();
    if (random() < KNOWN.publisher.device) person.device = fresh.device();
    publisher.push(person);
    if (i < common) advertiser.push(asSeenByShop(person, random, fresh));
    // A log-in by telephone or device alone has no address; every row keeps one identifier.
    const hasOther = person.phone !== '' || person.device !== '';
    if (hasOther && random() >= KNOWN.publisher.email) person.email = '';
  }
  while (advertiser.length < advertiserRows) {
    advertiser.push({
      email: random() < KNOWN.advertiser.email ? fresh.email() : '',
      phone: random() < KNOWN.advertiser.phone ? fresh.phone() : '',
      device: random() < KNOWN.advertiser.device ? fresh.device() : '',
    });
  }
  shareHouseholds(publisher, advertiser, Math.round(HOUSEHOLD_OF_SMALLER * smaller), random);
  shuffle(publisher, random);
  shuffle(advertiser, random);

  const sizes = waterfallSizes(publisher, advertiser, ['email', 'phone', 'device']);
  return {
    publisherCsv: publisherFile(publisher, random),
    advertiserCsv: advertiserFile(advertiser, random),
    truth: {
      seed,
      rows: { publisher: publisherRows, advertiser: advertiserRows },
      columns: ['email', 'phone', 'device'],
      sizes,
      matched: sizes.reduce((sum, size) => sum + size, 0),
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

/** Sources of identifiers that never repeat; telephone numbers run out after one per reserved number. */
function identifiers(random) {
  const phones = AREA_CODES.flatMap((area) =>
    Array.from(
      { length: RESERVED_PER_AREA },
      (_, i) => `${area}555${String(100 + i).padStart(4, '0')}`,
    ),
  );
  shuffle(phones, random);
  let serial = 0;
  return {
    email() {
      serial += 1;
      return `${pick(FIRST, random)}.${pick(LAST, random)}${serial}@${pick(DOMAINS, random)}`;
    },
    phone() {
      const number = phones.pop();
      if (number === undefined)
        throw new RangeError('too many rows: reserved telephone numbers ran out');
      return number;
    },
    device() {
      const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16));
      hex[12] = '4';
      hex[16] = '8';
      const text = hex.join('');
      return [0, 8, 12, 16, 20].map((at, i, all) => text.slice(at, all[i + 1])).join('-');
    },
  };
}

/** Plain-text waterfall: per column in order, rows that agree and have not matched before. */
function waterfallSizes(a, b, columns) {
  const matchedB = new Set();
  const matchedA = new Set();
  return columns.map((column) => {
    const index = new Map();
    b.forEach((row, i) => {
      if (row[column] !== '' && !matchedB.has(i)) index.set(row[column], i);
    });
    let size = 0;
    a.forEach((row, i) => {
      const j = row[column] === '' || matchedA.has(i) ? undefined : index.get(row[column]);
      if (j === undefined) return;
      matchedA.add(i);
      matchedB.add(j);
      size += 1;
    });
    return size;
  });
}

function publisherFile(rows, random) {
  const lines = rows.map(({ email, phone, device }) => {
    // log-ins keep what was typed; decomposed letters come from one operating system's keyboard
    const typed = vary(
      random,
      [0.8, email],
      [0.9, capitalised(email)],
      [1, email.normalize('NFD')],
    );
    const msisdn = phone === '' ? '' : vary(random, [0.7, `+1${phone}`], [1, `1${phone}`]);
    return [typed, msisdn, device];
  });
  return csv([['user_email', 'msisdn', 'gaid'], ...lines], '\n');
}

function advertiserFile(rows, random) {
  const lines = rows.map(({ email, phone, device }) => {
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
    return [address, number, vary(random, [0.6, device.toUpperCase()], [1, device])];
  });
  return '\uFEFF' + csv([['Email', 'Phone number', 'Device'], ...lines], '\r\n');
}

/** Chooses by cumulative probability. */
function vary(random, ...choices) {
  const draw = random();
  return choices.find(([below]) => draw < below)[1];
}

function capitalised(email) {
  return email.replace(
    /(^|[.])(\p{L})(?=.*@)/gu,
    (_, before, letter) => before + letter.toUpperCase(),
  );
}

function csv(rows, lineEnd) {
  const field = (text) =>
    /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return rows.map((row) => row.map(field).join(',') + lineEnd).join('');
}

function pick(list, random) {
  return list[Math.floor(random() * list.length)];
}

function shuffle(list, random) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
}

/** 32-bit generator for example data: an additive counter and a mixing function. Not for secrets. */
function splitmix32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [directory, seed = '1'] = process.argv.slice(2);
  if (directory === undefined || !/^\d{1,9}$/.test(seed)) {
    console.error('usage: node examples/ads/generate.mjs <directory> [seed]');
    process.exit(2);
  }
  const made = generateAds({ seed: Number(seed), publisherRows: 10_000, advertiserRows: 8_000 });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'publisher.csv'), made.publisherCsv);
  writeFileSync(join(directory, 'advertiser.csv'), made.advertiserCsv);
  writeFileSync(join(directory, 'truth.json'), `${JSON.stringify(made.truth, null, 2)}\n`);
}
