/**
 * The driver of /dev/nsm where there is no such device: it fails closed. With one: the boot tests.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNsmDevice } from '../../enclave/nsm/device.ts';
import { Nsm } from '../../enclave/nsm/nsm.ts';
import { seededRng } from '../../enclave/random.ts';
import { missingForRelay } from './tools.ts';

const missing = missingForRelay();
if (missing.length > 0) console.warn(`SKIPPED, the addon needs ${missing.join(', ')}`);

let folder: string;
let addon: URL;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dpca-n-'));
  const out = join(folder, 'nsm.node');
  addon = pathToFileURL(out);
  if (missing.length > 0) return;
  execFileSync(process.execPath, [join(import.meta.dirname, '../../enclave/nsm/build.mjs'), out]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the security module', () => {
  it('without an addon is none', () => {
    const none = pathToFileURL(join(folder, 'absent.node'));
    expect(() => openNsmDevice('/dev/null', none)).toThrowCode('ERR_NSM');
  });
  it.skipIf(missing.length > 0)('without a device is none', () => {
    expect(() => openNsmDevice(join(folder, 'absent'), addon)).toThrowCode('ERR_NSM');
  });
  it.skipIf(missing.length > 0)('behind a device that refuses gives no randomness', async () => {
    const device = openNsmDevice('/dev/null', addon);
    const nsm = new Nsm(device);
    await expect(seededRng((n) => nsm.getRandom(n))).rejects.toThrowCode('ERR_NSM');
    await expect(nsm.describeNsm()).rejects.toThrowCode('ERR_NSM');
    await expect(nsm.attest({})).rejects.toThrowCode('ERR_NSM');
    await expect(device.call(new Uint8Array(4_097))).rejects.toThrow(/at most 4096/);
    device.close();
  });
});
