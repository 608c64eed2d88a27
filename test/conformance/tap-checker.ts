/**
 * What a tap behind the AEAD must be able to say of every run (docs/specification.md sections 5 and 8): only messages of
 * the specification, no identifier in any common spelling, no element twice in one direction, and nothing sent before
 * everything that it is derived from has been delivered. Reads a log only; it knows no secret.
 * @module
 */
import { createHash } from 'node:crypto';
import { maskRows } from '../../src/dp/plan.ts';
import type { Manifest, Role } from '../../src/run/manifest.ts';
import { type ColumnKind, decodeMessage, type Message } from '../../src/wire/messages.ts';
import { OTHER, type TapEvent } from './observed-pair.ts';

/** The spellings in which an identifier, or its digest, would be recognised. */
export function spellings(identifier: string): readonly Buffer[] {
  const raw = Buffer.from(identifier);
  const digest = createHash('sha256').update(raw).digest();
  return [raw, digest].flatMap((bytes) => [
    bytes,
    ...[bytes.toString('hex'), bytes.toString('hex').toUpperCase()].map((text) =>
      Buffer.from(text),
    ),
    ...[bytes.toString('base64'), bytes.toString('base64url')].map((text) => Buffer.from(text)),
  ]);
}

/** Everything that is wrong, in words; empty for a run that keeps to the specification. */
export function findings(
  log: readonly TapEvent[],
  manifest: Manifest,
  identifiers: readonly string[],
): readonly string[] {
  const found: string[] = [];
  const messages = log.map((event, i) => {
    try {
      return decodeMessage(event.type, event.body);
    } catch {
      found.push(`event ${i}: not a message of the specification`);
      return undefined;
    }
  });
  found.push(...identifierFindings(log, messages, identifiers));
  found.push(...repetitionFindings(log, messages));
  found.push(...orderFindings(log, messages, manifest));
  return found;
}

function identifierFindings(
  log: readonly TapEvent[],
  messages: readonly (Message | undefined)[],
  identifiers: readonly string[],
): readonly string[] {
  const found: string[] = [];
  const places = new Map<string, Uint8Array[]>();
  log.forEach(({ at, from, body }, i) => {
    if (at === 'delivered') return;
    places.set(`message ${i}`, [body]);
    const message = messages[i];
    if (message === undefined || !('data' in message)) return;
    // whole columns, too: an identifier may lie across two messages
    const column = `${message.kind} ${message.column} of ${from}`;
    places.set(column, [...(places.get(column) ?? []), message.data]);
  });
  const needles = identifiers.map((identifier) => spellings(identifier));
  for (const [place, parts] of places) {
    const bytes = Buffer.concat(parts);
    needles.forEach((needle, i) => {
      if (needle.some((spelling) => bytes.includes(spelling)))
        found.push(`identifier ${i} in ${place}`);
    });
  }
  return found;
}

/** 16-byte blocks on 16-byte boundaries cover elements, their halves, and tags. */
function repetitionFindings(
  log: readonly TapEvent[],
  messages: readonly (Message | undefined)[],
): readonly string[] {
  const found: string[] = [];
  const seen = { a: new Set<string>(), b: new Set<string>() };
  log.forEach(({ at, from }, i) => {
    const message = messages[i];
    if (at === 'delivered' || message === undefined || !('data' in message)) return;
    for (let p = 0; p < message.data.length; p += 16) {
      const block = Buffer.from(message.data.subarray(p, p + 16)).toString('hex');
      if (seen[from].has(block)) found.push(`message ${i}: an element of ${from} twice`);
      seen[from].add(block);
    }
  });
  return found;
}

/** Name of what was sent or delivered: bulk messages count records, the others themselves. */
function nameOf(message: Message): string {
  return 'data' in message ? `${message.kind} ${message.column}` : message.kind;
}

function amountOf(message: Message): number {
  if (!('data' in message)) return 1;
  return message.data.length / (message.kind === 'tags' ? 16 : 32);
}

function orderFindings(
  log: readonly TapEvent[],
  messages: readonly (Message | undefined)[],
  manifest: Manifest,
): readonly string[] {
  const k = manifest.columns.length;
  const dummies = maskRows(manifest.privacy.mask).reduce((a, b) => a + b, 0);
  const rows = { a: 0, b: 0 };
  let sizes: readonly number[] = [];
  log.forEach(({ from }, i) => {
    const message = messages[i];
    if (message?.kind === 'table') rows[from] = message.rows + dummies;
    if (message?.kind === 'sizes') ({ sizes } = message);
  });
  /** Rows of `role` that are unmatched when round `column` begins. */
  const open = (role: Role, column: number): number =>
    rows[role] - sizes.slice(0, column).reduce((a, b) => a + b, 0);

  /** What must have come from the peer, completely, before `role` may send `message`. */
  const needed = (role: Role, message: Message): readonly [string, number][] => {
    const peer = OTHER[role];
    const all = (kind: ColumnKind, column: number): [string, number] => {
      // whose rows came: points are the sender's, a reblind brings back the receiver's; tags answer one of the two
      const sendersOwn = kind === 'points' || (kind === 'tags' && column > 0);
      return [`${kind} ${column}`, open(sendersOwn ? peer : role, kind === 'points' ? 0 : column)];
    };
    switch (message.kind) {
      case 'table':
        return [['manifest', 1]];
      case 'account':
        return [['table', 1]];
      case 'held':
        return [['account', 1]];
      case 'head':
        return [['held', 1]];
      case 'charged':
        return [['head', 1]];
      case 'cosigned':
        return [['charged', 1]];
      case 'commit':
        return [
          ['charged', 1],
          ['cosigned', 1],
        ];
      case 'reveal':
        return [['commit', 1]];
      case 'points':
        return [['reveal', 1]];
      case 'tags':
        return message.column === 0 ? [all('points', 0)] : [all('reblind', message.column)];
      case 'reblind':
        return [all('points', message.column), all('tags', message.column - 1)];
      case 'sizes':
        return [all('tags', k - 1)];
      case 'values':
        return [['sizes', 1]];
      case 'release':
        return [['sizes', 1]];
      case 'receipt':
        return [['release', 1]];
      case 'logged':
        return [['receipt', 1]];
      case 'witnessed':
        return [['logged', 1]];
      case 'bye':
        return [
          ['logged', 1],
          ['witnessed', 1],
        ];
      case 'manifest':
      case 'heartbeat':
      case 'alert':
      case 'reattest':
        return [];
    }
  };
  const found: string[] = [];
  const came = new Map<string, number>();
  log.forEach(({ at, from }, i) => {
    const message = messages[i];
    if (message === undefined) return;
    if (at === 'delivered') {
      const key = `${from} ${nameOf(message)}`;
      came.set(key, (came.get(key) ?? 0) + amountOf(message));
      return;
    }
    for (const [name, amount] of needed(from, message)) {
      if ((came.get(`${OTHER[from]} ${name}`) ?? 0) < amount) {
        found.push(`message ${i}: ${nameOf(message)} of ${from} before all of the peer's ${name}`);
      }
    }
  });
  return found;
}
