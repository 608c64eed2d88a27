/**
 * A test-only entry that asks the security module everything through the production driver, and prints the answers.
 * @module
 */
import { toHex, utf8 } from '../../src/encoding.ts';
import { openNsmDevice } from '../../enclave/nsm/device.ts';
import { Nsm } from '../../enclave/nsm/nsm.ts';

const nsm = new Nsm(openNsmDevice());
const code = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action;
    return 'done';
  } catch (error) {
    return String(error);
  }
};
const pcr = async (index: number): Promise<string> => toHex((await nsm.describePcr(index)).data);

const started = performance.now();
const answers = {
  description: await nsm.describeNsm(),
  pcrs: { 0: await pcr(0), 1: await pcr(1), 2: await pcr(2), 8: await pcr(8) },
  random: [toHex(await nsm.getRandom(64)), toHex(await nsm.getRandom(64))],
  much: (await nsm.getRandom(65_536)).length,
  extended: toHex(await nsm.extendPcr(16, utf8('hello'))),
  lockedBefore: (await nsm.describePcr(16)).isLocked,
  lock: await code(nsm.lockPcr(16)),
  lockedAfter: (await nsm.describePcr(16)).isLocked,
  lockAgain: await code(nsm.lockPcr(16)),
  extendAgain: await code(nsm.extendPcr(16, utf8('hello'))),
  beyond: await code(nsm.describePcr(32)),
  document: toHex(
    await nsm.attest({
      publicKey: new Uint8Array(120).fill(1),
      nonce: new Uint8Array(32).fill(2),
      userData: new Uint8Array(512).fill(3),
    }),
  ),
  ms: Math.round(performance.now() - started),
};
process.stdout.write(`\nprobe ${JSON.stringify(answers)}\n`);
// the boot test ends the machine
setTimeout(() => undefined, 600_000);
