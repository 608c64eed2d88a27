/**
 * Value columns, merging and format in dpca.json, their flags and variables, and the table that run and serve read.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CommandIo } from '../../host/cli/io.ts';
import { loadConfig } from '../../host/config/config.ts';
import type { Party } from '../../host/config/party.ts';
import { valueSources } from '../../host/config/party.ts';
import { makeConfig } from '../../host/config/template.ts';
import { readOwnTable } from '../../host/proxy/presentation.ts';
import type { JsonObject } from '../../src/json.ts';
import { PCRS } from '../attestation/support/pki.ts';
import { policyText } from '../attestation/support/world.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';
import { directory } from './support.ts';

const manifest = testManifest(1, EXAMPLE_WEIGHTS, {
  values: [
    { name: 'spend', owner: 'a', low: 0, high: 500 },
    { name: 'group', owner: 'b', low: 1, high: 4 },
    { name: 'visits', owner: 'a', low: -5, high: 5 },
  ],
});

let serial = 0;
/** Writes a configuration of party a with this `data` group over a plain one. */
function configFile(data: JsonObject): string {
  serial += 1;
  const folder = join(directory, `config-${serial}`);
  mkdirSync(folder);
  const path = join(folder, 'dpca.json');
  const document = {
    ...{ version: 1, party: 'a', manifest: 'm', keys: 'k', peers: 'p', policy: 'x', ledger: 'l' },
    data: { path: 'data.csv', format: 'auto', header: true, columns: { c1: 'id' }, ...data },
    enclave: { kind: 'simulated', root: 'r' },
  };
  writeFileSync(path, JSON.stringify(document));
  return path;
}
const values = {
  visits: 4,
  spend: { from: 'amount', decimals: 2, empty: 'zero', combine: 'sum' },
};

describe('value columns in the configuration', () => {
  it('are the own ones in the manifest order, with bounds', () => {
    const config = loadConfig(configFile({ values }), {}, {});
    expect(valueSources(config, manifest)).toEqual([
      {
        ...{ name: 'spend', from: 'amount', decimals: 2, emptyIsZero: true, combine: 'sum' },
        ...{ low: 0n, high: 500n },
      },
      { name: 'visits', from: 4, decimals: 0, emptyIsZero: false, low: -5n, high: 5n },
    ]);
  });

  it.each([
    ['one is missing', { values: { spend: 2 } }, '/data/values/visits: missing'],
    ['all are missing', {}, '/data/values/spend: missing'],
    ["one is the peer's", { values: { ...values, group: 3 } }, '/data/values/group: the manifest'],
    ['one is unknown', { values: { ...values, x: 3 } }, '/data/values/x: the manifest'],
    [
      'rows are merged and one does not say how it is combined',
      { values, onDuplicate: 'entity' },
      '/data/values/visits/combine: missing',
    ],
  ] as const)('are refused when %s', (_, data, message) => {
    const config = loadConfig(configFile(data), {}, {});
    expect(() => valueSources(config, manifest)).toThrow(message);
    expect(() => valueSources(config, manifest)).toThrowCode('ERR_CONFIG');
  });

  it.each([
    ['an unknown key', { values: { v: { from: 1, scale: 2 } } }, '/data/values/v/scale: unknown'],
    ['no place', { values: { v: { decimals: 2 } } }, '/data/values/v/from: missing'],
    ['19 decimals', { values: { v: { from: 1, decimals: 19 } } }, '/data/values/v/decimals'],
    ['half a decimal', { values: { v: { from: 1, decimals: 0.5 } } }, 'dpca.json'],
    ['another way with empties', { values: { v: { from: 1, empty: 'skip' } } }, '/data/values/v/'],
    ['a mean of rows', { values: { v: { from: 1, combine: 'mean' } } }, 'sum, max, min'],
    ['position 0', { values: { v: 0 } }, '/data/values/v'],
    ['another way with duplicates', { onDuplicate: 'first' }, 'refuse, entity'],
  ])('%s is refused by the schema', (_, data, message) => {
    expect(() => loadConfig(configFile(data as JsonObject), {}, {})).toThrow(message);
  });
});

describe('flags and variables', () => {
  it('replace format and onDuplicate, a flag before a variable', () => {
    const path = configFile({ onDuplicate: 'refuse' });
    const flags = { format: 'parquet', onDuplicate: 'entity' } as const;
    expect(loadConfig(path, flags, { DPCA_FORMAT: 'csv' }).data).toMatchObject(flags);
    expect(
      loadConfig(path, {}, { DPCA_FORMAT: 'csv', DPCA_ON_DUPLICATE: 'entity' }).data,
    ).toMatchObject({
      ...{ format: 'csv', onDuplicate: 'entity' },
    });
    expect(() => loadConfig(path, { onDuplicate: 'merge' }, {})).toThrowCode('ERR_CONFIG');
  });
});

it('manifest init places own value columns like key columns', () => {
  const template = {
    ...{ manifest, keys: 'k', peers: 'p', policy: 'x', ledger: 'l', root: 'r' },
    ...{ data: '-', format: 'csv', map: ['spend=amount', 'c1=2'] },
    role: 'a',
  } as const;
  const named = makeConfig({ ...template, header: true }) as { data: JsonObject };
  expect(named.data).toMatchObject({
    columns: { c1: 2 },
    values: { spend: 'amount', visits: 'visits' },
  });
  const counted = makeConfig({ ...template, map: [], header: false }) as { data: JsonObject };
  expect(counted.data).toMatchObject({ columns: { c1: 1 }, values: { spend: 2, visits: 3 } });
  expect(() => makeConfig({ ...template, map: ['group=3'], header: true })).toThrowCode(
    'ERR_USAGE',
  );
});

describe('the own table of a run', () => {
  async function own(text: string, data: JsonObject): Promise<{ rows: number; log: JsonObject }> {
    const stderr = new PassThrough();
    const io = new CommandIo({
      ...{ stdin: Readable.from([Buffer.from(text)]), stdout: new PassThrough(), stderr, env: {} },
      signal: new AbortController().signal,
    });
    io.configure({ json: true, quiet: false, logLevel: 'info' });
    const config = loadConfig(configFile({ values, path: '-', ...data }), { format: 'csv' }, {});
    const policy = join(directory, 'policy.json');
    writeFileSync(
      policy,
      policyText({ root: 'ab'.repeat(32), partition: 'sim', mode: 'simulated', pcrs: PCRS }),
    );
    const party = {
      ...{ role: 'a', manifest, own: manifest.parties.a, other: manifest.parties.b },
      config: { ...config, policy },
    } as unknown as Party;
    const table = await readOwnTable(io, party);
    const line = String(stderr.read()).trim().split('\n').at(-1) ?? '';
    return { rows: table.rows, log: JSON.parse(line) as JsonObject };
  }
  it('comes from standard input with its values, and the log says what will be clipped', async () => {
    const text = 'id,amount,x,y\na,4.50,,7\nb,,,-6\nc,5.01,,0\n';
    const { rows, log } = await own(text, {});
    expect(rows).toBe(3);
    expect(log).toMatchObject({
      msg: 'the own table is read and checked',
      values: {
        spend: { clippedToLow: 0, clippedToHigh: 1, emptyAsZero: 1 },
        visits: { clippedToLow: 1, clippedToHigh: 1, emptyAsZero: 0 },
      },
    });
  });
});
