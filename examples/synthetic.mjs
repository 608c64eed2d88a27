// What the example generators share: a seeded random source, fictitious identifiers, CSV, and the plain-text waterfall
// that gives the truth. Only node: built-ins, so that the demo can import them without a build.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

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

/**
 * Plain-text waterfall: per column in order, rows that agree and have not matched before.
 * @returns sizes per column, and the pairs [row of a, row of b]
 */
export function waterfall(a, b, columns) {
  const matchedA = new Set();
  const matchedB = new Set();
  const pairs = [];
  const sizes = columns.map((column) => {
    const before = pairs.length;
    const index = new Map();
    b.forEach((row, j) => {
      if (row[column] !== '' && !matchedB.has(j)) index.set(row[column], j);
    });
    a.forEach((row, i) => {
      const j = row[column] === '' || matchedA.has(i) ? undefined : index.get(row[column]);
      if (j === undefined) return;
      matchedA.add(i);
      matchedB.add(j);
      pairs.push([row, b[j]]);
    });
    return pairs.length - before;
  });
  return { sizes, pairs };
}

export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** Normal deviate with the given mean and standard deviation (Box and Muller 1958), rounded and held to low..high. */
export function bell(random, mean, deviation, low, high) {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  const value = Math.round(mean + deviation * radius * Math.cos(2 * Math.PI * random()));
  return Math.min(high, Math.max(low, value));
}

/** Sources of identifiers that never repeat; telephone numbers run out after one per reserved number. */
export function identifiers(random) {
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

/** Chooses by cumulative probability. */
export function vary(random, ...choices) {
  const draw = random();
  return choices.find(([below]) => draw < below)[1];
}

export function capitalised(email) {
  return email.replace(
    /(^|[.])(\p{L})(?=.*@)/gu,
    (_, before, letter) => before + letter.toUpperCase(),
  );
}

export function csv(rows, lineEnd) {
  const field = (text) =>
    /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return rows.map((row) => row.map(field).join(',') + lineEnd).join('');
}

export function pick(list, random) {
  return list[Math.floor(random() * list.length)];
}

export function shuffle(list, random) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
}

/** 32-bit generator for example data: an additive counter and a mixing function. Not for secrets. */
export function splitmix32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** `node generate.mjs <directory> [seed]`: writes the two files and the truth. */
export function main(moduleUrl, example) {
  if (process.argv[1] === undefined || moduleUrl !== pathToFileURL(process.argv[1]).href) return;
  const [directory, seed = '1'] = process.argv.slice(2);
  if (directory === undefined || !/^\d{1,9}$/.test(seed)) {
    console.error(`usage: node examples/${example.name}/generate.mjs <directory> [seed]`);
    process.exit(2);
  }
  const made = example.generate(Number(seed), example.rows);
  mkdirSync(directory, { recursive: true });
  for (const party of ['a', 'b']) {
    writeFileSync(join(directory, `${example.parties[party]}.csv`), made[party]);
  }
  writeFileSync(join(directory, 'truth.json'), `${JSON.stringify(made.truth, null, 2)}\n`);
}
