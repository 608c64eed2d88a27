/**
 * The audit of logs of whole runs: an honest log passes, and whatever is changed, removed, made up or signed again by
 * the log's owner alone is found. Ed25519 is node's here, for speed; its strictness is tested in test/merkle.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { auditBundle, auditMemory } from '../../attestation/audit.ts';
import type { AuditOptions, AuditResult } from '../../attestation/audit-types.ts';
import { readBundle } from '../../attestation/bundle.ts';
import { cosign, openCheckpoint, withCosignature } from '../../attestation/checkpoint.ts';
import { cosigner, cosignerName } from '../../attestation/ledger-session.ts';
import { type LogEntry, logOrigin } from '../../attestation/log-record.ts';
import { parsePolicy } from '../../attestation/policy.ts';
import { fromUtf8, toHex, utf8 } from '../../src/encoding.ts';
import { canonicalJson, type JsonObject } from '../../src/json.ts';
import { seededRng } from '../support/test-rng.ts';
import { changed, expectFound, leaves, linesOf, recordOf, sampled, sweep } from './mutations.ts';
import { makeWorld, MemoryLog, ROLES, type World } from './world.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('../ledger/native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

let world: World;
beforeAll(async () => {
  world = await makeWorld(seededRng('audit world'), 50);
  const peer = world.manifest.parties.b.identity;
  await world.run();
  await world.run({ initiator: 'b', reattest: true });
  const refusal = {
    type: 'refusal',
    session: null,
    peer,
    by: 'own',
    code: 'PCR_MISMATCH',
  } as const;
  world.end('a', { ...refusal, document: 'AAAA' });
  world.end('a', {
    ...{ type: 'abort', session: 'ab'.repeat(32), peer, phase: 'match', code: 'ERR_PEER_LOST' },
    charged: { lineage: 'cd'.repeat(16), slot: 3 },
  });
  for (let i = 0; i < 4; i++) await world.run({ initiator: i % 2 === 0 ? 'a' : 'b' });
});

const wrong = ({ checks }: AuditResult) => checks.filter(({ class: kind }) => kind !== 'notice');
/** Under the same options only: what is in it was judged under them. */
const memory = auditMemory();
const audit = (bundle: Uint8Array, change: Partial<AuditOptions> = {}): Promise<AuditResult> =>
  auditBundle(bundle, world.options(Object.keys(change).length === 0 ? { memory } : change));

/** A's log with its lines replaced, chained again and signed with its own key; nobody else cosigns that. */
function signedAgain(lines: readonly string[], from: MemoryLog = world.sides.a.log): Uint8Array {
  const log = new MemoryLog(from.key);
  for (const line of lines) {
    const record = JSON.parse(line) as JsonObject;
    const outer = ['version', 'seq', 'prev', 'time', 'clock'];
    const entry = Object.entries(record).filter(([name]) => !outer.includes(name));
    const { time, clock } = record;
    log.append(Object.fromEntries(entry) as unknown as LogEntry, Number(time), clock as 'host');
  }
  log.completions.push(...from.completions.filter(({ seq }) => seq < log.tree.size));
  return log.bundle();
}

describe('an honest log', () => {
  it('passes, from either side, with and without the other', async () => {
    for (const role of ROLES) {
      const bundle = world.sides[role].log.bundle();
      const alone = await audit(bundle);
      expect(wrong(alone)).toEqual([]);
      expect(alone.verdict).toBe('pass');
      const peer = readBundle(world.sides[role === 'a' ? 'b' : 'a'].log.bundle());
      const both = await audit(bundle, { peer });
      expect(wrong(both)).toEqual([]);
      const times = (name: string): number => both.passed.find((p) => p.name === name)?.count ?? 0;
      expect(both.runs.map(({ ok }) => ok)).toEqual(Array(6).fill(true));
      // with the other log every result is derived again, for both directions
      expect(times('attestation result derived again')).toBe(12);
      expect(times("run is in both parties' logs, the same")).toBe(6);
      expect(times('re-attested document is accepted at its own time')).toBe(2);
      expect(both.runs[0]).toMatchObject({
        own: role,
        sides: { a: { slot: 1, kernel: 'scripted' } },
      });
    }
  });

  it('is written in one way only, and read back', () => {
    const { log } = world.sides.a;
    const bundle = log.bundle();
    expect(toHex(log.bundle())).toBe(toHex(bundle));
    const read = readBundle(bundle);
    expect(read.records.length).toBe(log.lines.length);
    expect([...read.completions.keys()]).toEqual(log.completions.map(({ seq }) => seq));
  });

  it('holds no exact size and no hash of an input without a salt', () => {
    const text = fromUtf8(world.sides.a.log.bundle());
    const inputs = [...text.matchAll(/"input":"([0-9a-f]{64})"/g)].map((match) => match[1]);
    expect(inputs.length).toBe(12);
    // the scripted table is the same in every run; its commitment never is
    expect(new Set(inputs).size).toBe(12);
    expect(text).not.toContain('row of');
  });
});

describe('a memory of earlier audits', () => {
  it('changes no result', async () => {
    const other = world.fork();
    await other.run({ until: 'logged' });
    const { a, b } = other.sides;
    const lines = a.log.lines.map(fromUtf8);
    const bundles = [
      ...[a.log.bundle(), b.log.bundle(), world.sides.a.log.bundle()],
      // with another policy in force; with the runs in another order; with another one's end
      signedAgain(
        lines.map((line) => line.replace('a: not signed', 'a: not Signed')),
        a.log,
      ),
      signedAgain([...lines].reverse(), a.log),
      signedAgain(
        lines.map((line) => line.replace('ERR_PEER_LOST', 'ERR_PEER_SILENT')),
        a.log,
      ),
    ];
    const shared = auditMemory();
    for (const turn of [0, 1]) {
      for (const [i, bundle] of bundles.entries()) {
        const remembered = await auditBundle(bundle, world.options({ memory: shared }));
        expect(remembered, `bundle ${i}, turn ${turn}`).toEqual(
          await audit(bundle, { against: [] }),
        );
      }
    }
    // two logs with the same record of the same number, whose owners are not the same side
    const young = await makeWorld(seededRng('young'), 50);
    await young.run({ until: 'logged' });
    const both = auditMemory();
    for (const role of ROLES) {
      const { log } = young.sides[role];
      // nor has either the policy that it says
      const lines = log.lines.map((line) => fromUtf8(line).replace(': not signed', ': other'));
      const bundle = signedAgain(lines, log);
      const remembered = await auditBundle(bundle, young.options({ memory: both }));
      expect(remembered, role).toEqual(await auditBundle(bundle, young.options()));
    }
    const whole = readBundle(bundles[0]!);
    const bare = { ...whole, completions: new Map([...whole.completions].slice(1)) };
    expect(await auditBundle(bare, world.options({ memory: shared }))).toEqual(
      await auditBundle(bare, world.options()),
    );
  });
});

describe('changes by anybody', () => {
  it('of 400 random bytes and lines are found, and the record is named', async () => {
    const { a, b } = world.sides;
    await sweep(a.log.bundle(), b.log.bundle(), world.options(), {
      ...{ count: 400, seed: 'audit sweep', fresh: 25 },
    });
  });

  it('to the last record, which has no successor, are found by the signed root', async () => {
    const other = world.fork();
    const peer = world.manifest.parties.b.identity;
    const entry = { type: 'abort', session: null, peer, phase: 'match', charged: null } as const;
    other.end('a', { ...entry, code: 'ERR_PEER_LOST' });
    const seq = other.sides.a.log.lines.length - 1;
    const bundle = other.sides.a.log.bundle();
    expect((await audit(bundle)).verdict).toBe('pass');
    const lines = linesOf(bundle).map(String);
    const at = lines.findLastIndex((line) => line.includes('"phase":"match"'));
    lines[at] = lines[at]!.replace('match', 'bye');
    const result = await audit(Buffer.from(lines.join('')));
    expect(wrong(result)).toMatchObject([{ record: seq, code: 'ERR_AUDIT_TREE' }]);
  });

  it('to another form of the same values are refused', async () => {
    const lines = linesOf(world.sides.a.log.bundle()).map(String);
    const forms: readonly ((line: string) => string)[] = [
      (line) => line.replace('{', '{ '),
      (line) => line.replace(/^\{("[a-z]+":[^,{}]+),(.*)\}\n$/, '{$2,$1}\n'),
      (line) => line.replace(/"(seq|records)":([0-9]+)/, '"$1":$2.0'),
      (line) => line.replace('"', '"\\u0061').replace('\\u0061a', '\\u0061'),
      (line) => `${line.slice(0, -1)}\r\n`,
    ];
    for (const at of [0, 1, 3, lines.length - 2]) {
      for (const form of forms) {
        const changed = lines.map((line, i) => (i === at ? form(line) : line));
        if (changed[at] === lines[at]) continue;
        const result = await audit(Buffer.from(changed.join('')));
        expect(wrong(result)[0]?.code).toBe('ERR_AUDIT_FORMAT');
        // what completes a run names it at its end, which one of these forms changes
        const named =
          at < 4
            ? recordOf(
                lines.map((l) => Buffer.from(l)),
                at,
              )
            : null;
        if (named !== null) expect(wrong(result)[0]?.record).toBe(named);
      }
    }
  });

  it('to the notes: unknown lines, a second signature, a cosignature removed', async () => {
    const { a, b } = world.sides;
    const stranger = { name: 'dpca-enclave/party/0000000000000000', ...b.log.key };
    const last = (change: (note: string) => string): Buffer => {
      const lines = linesOf(a.log.bundle()).map(String);
      const { note } = JSON.parse(lines.at(-1)!) as { note: string };
      return Buffer.from(
        [...lines.slice(0, -1), `${canonicalJson({ note: change(note) })}\n`].join(''),
      );
    };
    const head = openCheckpoint(a.log.note(), { name: logOrigin(a.log.log), ...a.log.key }, []);
    const with_ = (signer: typeof stranger) => (note: string) =>
      fromUtf8(withCosignature(utf8(note), signer, cosign(head, signer, 1_800_000_000n)));
    expect((await audit(last(with_(stranger)))).verdict).toBe('fail');
    // the other party may have cosigned the last checkpoint, too
    const peer = { ...cosigner(world.manifest.parties.b), ...b.log.key };
    expect((await audit(last(with_(peer)))).verdict).toBe('pass');
    expect((await audit(last((note) => `${note}${note.split('\n').at(-2)!}\n`))).verdict).toBe(
      'fail',
    );
    const bare = a.log.completions.map((completion, i) => {
      const { checkpoint } = completion;
      const unsigned = `${checkpoint.split('\n').slice(0, 5).join('\n')}\n`;
      return i === 2 ? { ...completion, checkpoint: unsigned } : completion;
    });
    const bundle = readBundle(a.log.bundle());
    const completions = new Map(bare.map((completion) => [completion.seq, completion]));
    const result = await auditBundle({ ...bundle, completions }, world.options());
    expect(wrong(result)).toMatchObject([
      { record: bare[2]?.seq, field: '/completion/checkpoint', code: 'ERR_AUDIT_WITNESS' },
    ]);
  });
});

/** Which check must find which change by itself, and where, whatever else finds it too. */
const CODES: Readonly<Record<string, readonly (readonly [RegExp, string, string])[]>> = {
  open: [[/^party.(identity|log)/, 'ERR_AUDIT_PARTY', '/party']],
  policy: [[/^(policy|hash)/, 'ERR_AUDIT_POLICY', '/policy']],
  run: [
    [/^signatures.a/, 'ERR_AUDIT_SIGNATURE', '/signatures/a'],
    [/^signatures.b/, 'ERR_AUDIT_SIGNATURE', '/signatures/b'],
    [/^receipt.session$/, 'ERR_AUDIT_TRANSCRIPT', '/receipt/session'],
    [/^receipt.handshake/, 'ERR_AUDIT_TRANSCRIPT', '/receipt/handshake'],
    [/^receipt.evidence.a.document/, 'ERR_AUDIT_EVIDENCE', '/receipt/evidence/a/document'],
    [/^receipt.evidence.b.document/, 'ERR_AUDIT_EVIDENCE', '/receipt/evidence/b/document'],
    [/^receipt.evidence.a.signature/, 'ERR_AUDIT_SIGNATURE', '/receipt/evidence/a/signature'],
    [/^receipt.evidence.b.signature/, 'ERR_AUDIT_SIGNATURE', '/receipt/evidence/b/signature'],
    [/^receipt.accounts.a.ear$/, 'ERR_AUDIT_EAR', '/receipt/accounts/a/ear'],
    [/^receipt.accounts.b.ear$/, 'ERR_AUDIT_EAR', '/receipt/accounts/b/ear'],
    [/^receipt.accounts.a.enclaveKey/, 'ERR_AUDIT_SIGNATURE', '/receipt/accounts/a/enclaveKey'],
    [/^receipt.accounts.b.held/, 'ERR_AUDIT_SIGNATURE', '/receipt/accounts/b/held'],
    [/^receipt.accounts/, 'ERR_AUDIT_SIGNATURE', '/signatures/a'],
    [/^receipt.commitments/, 'ERR_AUDIT_SIGNATURE', '/signatures/b'],
    [/^receipt.ledgers.a/, 'ERR_AUDIT_BUDGET', '/receipt/ledgers/a'],
    [/^receipt.ledgers.b/, 'ERR_AUDIT_BUDGET', '/receipt/ledgers/b'],
    [/^receipt.manifestHash/, 'ERR_AUDIT_MANIFEST', '/receipt/manifestHash'],
    [/^receipt.manifest.parties.*(identity|log)/, 'ERR_AUDIT_PARTY', '/receipt/manifest/parties'],
    [/^receipt.release/, 'ERR_AUDIT_RELEASE', '/completion/opened'],
  ],
  reattest: [
    [/^session/, 'ERR_AUDIT_INCOMPLETE', '/session'],
    [/^transcript/, 'ERR_AUDIT_TRANSCRIPT', '/transcript'],
    [/^(epoch|nonces)/, 'ERR_AUDIT_EVIDENCE', '/evidence'],
    [/^evidence.init.document/, 'ERR_AUDIT_EVIDENCE', '/evidence/init'],
    [/^evidence.resp.document/, 'ERR_AUDIT_EVIDENCE', '/evidence/resp'],
    [/^evidence.init.signature/, 'ERR_AUDIT_SIGNATURE', '/evidence/init/signature'],
    [/^evidence.resp.signature/, 'ERR_AUDIT_SIGNATURE', '/evidence/resp/signature'],
  ],
  refusal: [
    [/^peer/, 'ERR_AUDIT_PARTY', '/peer'],
    [/^code/, 'ERR_AUDIT_CHAIN', '/code'],
  ],
  abort: [
    [/^peer/, 'ERR_AUDIT_PARTY', '/peer'],
    [/^code/, 'ERR_AUDIT_CHAIN', '/code'],
  ],
};

describe('every field of every record type, changed and signed again with the own log key', () => {
  const lines = () => world.sides.a.log.lines.map(fromUtf8);

  it('version, number, predecessor and type, which signing again would restore', async () => {
    const whole = linesOf(world.sides.a.log.bundle()).map(String);
    let tried = 0;
    for (const type of ['open', 'policy', 'run', 'reattest', 'refusal', 'abort']) {
      const seq = lines().findIndex((line) => line.includes(`"type":"${type}"`));
      const record = JSON.parse(lines()[seq] ?? '') as JsonObject;
      for (const name of ['version', 'seq', 'prev', 'type']) {
        const doctored = whole.map((line, i) =>
          i === seq + 1 ? `${canonicalJson(changed(record, [name]))}\n` : line,
        );
        const result = await audit(Buffer.from(doctored.join('')));
        expectFound(result, [seq], `${type} ${name}`);
        // a member that the form does not know, under names that every object has
        const more = { ...record, [name === 'seq' ? 'toString' : `${name}2`]: 'x' };
        const added = whole.map((line, i) => (i === seq + 1 ? `${canonicalJson(more)}\n` : line));
        const found = await audit(Buffer.from(added.join('')));
        expect(wrong(found)).toMatchObject([{ record: seq, code: 'ERR_AUDIT_FORMAT' }]);
        expect(wrong(found)[0]?.detail).toContain('unknown member');
        tried += 1;
      }
    }
    expect(tried).toBe(24);
  });

  it.each(['open', 'policy', 'run', 'reattest', 'refusal', 'abort'])('%s', async (type) => {
    const seq = lines().findLastIndex((line) => line.includes(`"type":"${type}"`));
    expect(seq).toBeGreaterThanOrEqual(0);
    const record = JSON.parse(lines()[seq] ?? '') as JsonObject;
    const paths = leaves(record).filter(
      ([name]) => !['version', 'seq', 'prev', 'type'].includes(name ?? ''),
    );
    expect(paths.length).toBeGreaterThan(type === 'run' ? 90 : 3);
    const expectation = (path: readonly string[]) =>
      CODES[type]?.find(([form]) => form.test(path.join('/')));
    // npm test takes each expectation once and every fourth of the other fields, npm run test:slow all
    const first = paths.filter(
      (path, i) =>
        expectation(path) !== undefined &&
        paths.findIndex((other) => expectation(other) === expectation(path)) === i,
    );
    const tried = new Set([...first, ...sampled(paths, type === 'run' ? 4 : 1)]);
    for (const path of tried) {
      const doctored = lines().map((line, i) =>
        i === seq ? canonicalJson(changed(record, path)) : line,
      );
      let bundle: Uint8Array;
      try {
        bundle = signedAgain(doctored);
      } catch {
        continue; // not even writable
      }
      const result = await audit(bundle);
      const name = path.join('/');
      expect(result.verdict, name).toBe('fail');
      const own = wrong(result).filter((f) => f.record === seq);
      // whatever it is, what the other party cosigned of a run has another root then
      if (type === 'run') expect(own, name).not.toEqual([]);
      const [, code, field = ''] = expectation(path) ?? [];
      if (code === undefined) continue;
      const found = own.some((f) => f.code === code && f.field.startsWith(field));
      expect(found ? '' : own, `${name} -> ${code} at ${field}`).toEqual('');
    }
  });

  it('a manifest that cannot be read, in a run that was attested again', async () => {
    const seq = lines().findIndex((line) => line.includes('"type":"reattest"'));
    const { session } = JSON.parse(lines()[seq] ?? '') as { session: string };
    const doctored = lines().map((line) =>
      line.includes('"type":"run"') && line.includes(`"session":"${session}"`)
        ? line.replace('"parties":', '"partiez":')
        : line,
    );
    expect(doctored).not.toEqual(lines());
    const result = await audit(signedAgain(doctored));
    const codes = wrong(result).map(({ record, code }) => `${record} ${code}`);
    expect(codes).toContain(`${seq} ERR_AUDIT_INCOMPLETE`);
    expect(codes).toContain(`${seq + 1} ERR_AUDIT_MANIFEST`);
  });

  it('values of the right form that nothing can be made of', async () => {
    const seq = lines().findLastIndex((line) => line.includes('"type":"run"'));
    const strange: readonly ((line: string) => string)[] = [
      (line) => line.replace('"versions":[1]', '"versions":[]'),
      (line) => line.replace('"suites":[1]', '"suites":[65535,65535]'),
      (line) => line.replace(/"manifest":\{.*?\},"manifestHash"/, '"manifest":{},"manifestHash"'),
      (line) => line.replace(/"record":\{(?:[^{}]|\{[^{}]*\})*\}/g, '"record":{}'),
      (line) => line.replace(/"document":"[^"]*"/g, '"document":"AAAA"'),
      (line) => line.replace(/"ear":"[^"]*"/g, '"ear":"a.b.c"'),
      (line) => line.replace(/"checkpoint":"[^"]*"/g, '"checkpoint":"x"'),
      (line) => line.replace(/"(held)":"[^"]*"/g, '"$1":"x"'),
    ];
    for (const [i, change] of strange.entries()) {
      const doctored = lines().map((line, at) => (at === seq ? change(line) : line));
      expect(doctored[seq], `change ${i}`).not.toBe(lines()[seq]);
      expectFound(await audit(signedAgain(doctored)), [seq], `change ${i}`);
    }
  });

  it('completion', async () => {
    const bundle = readBundle(world.sides.a.log.bundle());
    const [seq, completion] = [...bundle.completions][1]!;
    const paths = leaves(completion as unknown as JsonObject).filter(([name]) => name !== 'seq');
    expect(paths.length).toBeGreaterThan(15);
    for (const path of paths) {
      const completions = new Map(bundle.completions);
      const doctored = changed(completion, path);
      completions.set(seq, doctored as never);
      if (canonicalJson(doctored) === canonicalJson(completion)) continue;
      const result = await auditBundle({ ...bundle, completions }, world.options({ memory }));
      expectFound(result, [seq], path.join('/'));
    }
  });
});

describe('a rewriting owner', () => {
  const lines = () => world.sides.a.log.lines.map(fromUtf8);

  it('is found when a record goes, and when everything that proves it goes with it', async () => {
    const all = lines();
    const last = all.length - 1;
    // a run removed from the middle, signed again; then without what the other party cosigned
    const middle = signedAgain(all.filter((_, i) => i !== 6));
    expect((await audit(middle)).verdict).toBe('fail');
    const bundle = readBundle(
      signedAgain(
        all.map((line, i) =>
          i === last ? line.replace('"kernel":"scripted"', '"kernel":"other"') : line,
        ),
      ),
    );
    const bare = await auditBundle({ ...bundle, completions: new Map() }, world.options());
    expect(wrong(bare).map(({ code }) => code)).toContain('ERR_AUDIT_INCOMPLETE');
    expect(wrong(bare).map(({ code }) => code)).toContain('ERR_AUDIT_SIGNATURE');
  });

  it('cannot use a receipt twice, nor the slot of another run', async () => {
    const all = lines();
    const result = await audit(signedAgain([...all, all[2] ?? '']));
    expect(
      wrong(result)
        .filter(({ record }) => record === all.length)
        .map(({ code }) => code),
    ).toEqual(
      expect.arrayContaining(['ERR_AUDIT_REPEATED', 'ERR_AUDIT_BUDGET', 'ERR_AUDIT_INCOMPLETE']),
    );
  });

  it('is found when it goes back to an older head: by an older checkpoint and by the other log', async () => {
    const { a, b } = world.sides;
    const cut = a.log.lines.length - 2;
    const short = signedAgain(lines().slice(0, cut));
    // an honest log looked like this once: alone it passes
    expect((await audit(short)).verdict).toBe('pass');
    const codes = (result: AuditResult) => wrong(result).map(({ code }) => code);
    expect(codes(await audit(short, { against: [a.log.note()] }))).toEqual(['ERR_AUDIT_TRUNCATED']);
    expect(codes(await audit(short, { against: [readBundle(a.log.bundle())] }))).toEqual([
      'ERR_AUDIT_TRUNCATED',
    ]);
    const found = codes(await audit(short, { peer: readBundle(b.log.bundle()) }));
    expect(found).toContain('ERR_AUDIT_TRUNCATED');
    expect(found).toContain('ERR_AUDIT_PEER');
    expect(
      (await audit(a.log.bundle(), { against: [readBundle(short), a.log.note(cut)] })).verdict,
    ).toBe('pass');
  });

  it('with two histories has the fork named', async () => {
    const one = world.fork();
    const two = world.fork();
    const agreed = one.sides.a.log.lines.length;
    await one.run();
    await two.run();
    await two.run();
    const bundles = { one: one.sides.a.log.bundle(), two: two.sides.b.log.bundle() };
    const result = await audit(bundles.one, { peer: readBundle(bundles.two) });
    const forks = wrong(result).filter(({ code }) => code === 'ERR_AUDIT_FORK');
    expect(forks.map(({ record }) => record)).toContain(agreed);
    expect(forks.map(({ detail }) => detail).join()).toContain(`the first ${agreed} records agree`);
    const older = readBundle(two.sides.a.log.bundle());
    const against = await audit(bundles.one, { against: [older] });
    // the other history is longer: it is a fork and not only a truncation
    expect(
      wrong(against).some(({ code, record }) => code === 'ERR_AUDIT_FORK' && record === agreed),
    ).toBe(true);
  });
});

describe('what the auditor brings decides', () => {
  it('keys, roots and reference values', async () => {
    const bundle = world.sides.a.log.bundle();
    const [a, b] = world.parties;
    const strange = { ...b!, identity: '99'.repeat(32) };
    const result = await audit(bundle, { parties: [a!, strange] });
    expect(wrong(result)[0]).toMatchObject({ record: 2, code: 'ERR_AUDIT_PARTY' });
    expect((await audit(bundle, { parties: [b!] })).verdict).toBe('fail');
    const roots = await audit(bundle, { roots: world.roots.slice(0, 1) });
    expect(new Set(wrong(roots).map((f) => f.class))).toEqual(new Set(['policy']));
    const text = JSON.parse(JSON.stringify(linesOf(bundle).map(String)[2])) as string;
    const { policy } = JSON.parse(text) as { policy: { measurements: { pcr0: string }[] } };
    policy.measurements[0]!.pcr0 = 'ee'.repeat(48);
    const stricter = parsePolicy(
      JSON.stringify({
        ...policy,
        roots: world.roots.map((fingerprint) => ({ fingerprint, partition: 'sim' })),
      }),
    );
    const found = await audit(bundle, { policy: stricter });
    expect(wrong(found).map(({ code, class: kind }) => `${kind} ${code}`)).toContain(
      'policy ERR_AUDIT_EVIDENCE',
    );
    expect(wrong(found)[0]?.detail).toContain('PCR_MISMATCH');
  });

  it('a witness that must have cosigned', async () => {
    const { a } = world.sides;
    const key = world.sides.b.log.key; // any key will do
    const name = cosignerName('ff'.repeat(32));
    const witness = { name, ...key };
    const missing = await audit(a.log.bundle(), { witnesses: [witness] });
    expect(wrong(missing)).toMatchObject([{ record: null, code: 'ERR_AUDIT_WITNESS' }]);
    const head = openCheckpoint(a.log.note(), { name: logOrigin(a.log.log), ...a.log.key }, []);
    const log = world.fork().sides.a.log;
    log.witnessed.push(
      fromUtf8(withCosignature(a.log.note(), witness, cosign(head, witness, 1_800_000_000n))),
    );
    expect((await audit(log.bundle(), { witnesses: [witness] })).verdict).toBe('pass');
    expect((await audit(log.bundle())).verdict).toBe('fail');
  });
});

describe('two enclaves that lie together', () => {
  it('are found when the release does not follow, though both signed it', async () => {
    const lies: readonly ((release: JsonObject) => JsonObject)[] = [
      (release) => ({ ...release, rows: { a: 61, b: 40 } }),
      (release) => ({ ...release, rows: { a: 60, b: 4_000 } }),
      (release) => ({ ...release, maskedSizes: [19] }),
      (release) => ({
        ...release,
        privacy: { ...(release['privacy'] as JsonObject), epsilon: '1' },
      }),
      (release) => ({ ...release, statistics: [] }),
      (release) => ({ ...release, more: 1 }),
    ];
    for (const [i, release] of lies.entries()) {
      const liars = world.fork();
      await liars.run({ release });
      const seq = liars.sides.a.log.lines.length - 1;
      const result = await audit(liars.sides.a.log.bundle());
      // other rows alone are consistent: lengths are announced, not derived
      if (i === 0) expect(wrong(result)).toEqual([]);
      else {
        expect(wrong(result), `lie ${i}`).toMatchObject([
          { record: seq, field: '/completion/opened/release', code: 'ERR_AUDIT_RELEASE' },
        ]);
      }
    }
  });

  it('are found when the mask does not keep the claim', async () => {
    const loose = await makeWorld(seededRng('loose'), 50, { epsilon: '1', weights: [1, 1] });
    await loose.run();
    const result = await auditBundle(loose.sides.a.log.bundle(), loose.options());
    expect(wrong(result)).toMatchObject([
      {
        record: 2,
        field: '/receipt/manifest/privacy',
        class: 'policy',
        code: 'ERR_AUDIT_MANIFEST',
      },
    ]);
  });
});

describe('a run that ended between log and release', () => {
  it('is told apart from one whose release was taken away', async () => {
    const other = world.fork();
    const session = await other.run({ until: 'logged' });
    const seq = other.sides.a.log.lines.length - 1;
    const bare = await audit(other.sides.a.log.bundle());
    expect(wrong(bare)).toMatchObject([
      { record: seq, class: 'incomplete', code: 'ERR_AUDIT_INCOMPLETE' },
    ]);
    const peer = world.manifest.parties.b.identity;
    other.end('a', {
      type: 'abort',
      session,
      peer,
      phase: 'receipt',
      code: 'ERR_PEER_LOST',
      charged: null,
    });
    expect((await audit(other.sides.a.log.bundle())).verdict).toBe('pass');
  });
});
