/** The simulated NSM against the recorded answers of an emulated device and against the verifier. @module */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sha384 } from '@noble/hashes/sha2.js';
import { parsePolicy } from '../../attestation/policy.ts';
import { rootFingerprint } from '../../attestation/root.ts';
import {
  createSimulatedRoot,
  encodeSimulatedRoot,
  parseSimulatedRoot,
} from '../../attestation/simulated/chain.ts';
import { encodeUserData } from '../../attestation/user-data.ts';
import { payloadSha256, verifyAttestation } from '../../attestation/verify.ts';
import { verifyP384 } from '../../enclave/p384-webcrypto.ts';
import { Nsm, type NsmPort } from '../../enclave/nsm/nsm.ts';
import { SimulatedNsm } from '../../enclave/nsm/simulated-nsm.ts';
import { fixed } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { policyText, seededRng } from './support/world.ts';

const NOW = Date.UTC(2026, 1, 3, 4, 5, 6, 789);
const SEED = 'nsm.test';
const pcr = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);
const PCRS = { pcr0: pcr(1), pcr1: pcr(2), pcr2: pcr(3) };

async function world(now: () => number = () => NOW) {
  const rng = seededRng(SEED);
  const root = await createSimulatedRoot({ rng, now: NOW });
  const port = new SimulatedNsm({ root, pcrs: PCRS, rng, now });
  return { root, port, nsm: new Nsm(port), rng };
}

const call = async (port: NsmPort, hex: string): Promise<string> =>
  toHex(await port.call(fromHex(hex)));

describe('the device interface', () => {
  it('describes itself as a device does', async () => {
    const { nsm } = await world();
    const description = await nsm.describeNsm();
    expect(description).toMatchObject({
      versionMajor: 1,
      versionMinor: 0,
      versionPatch: 0,
      maxPcrs: 32,
      digest: 'SHA384',
    });
    expect(description.lockedPcrs).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(description.moduleId).toMatch(/^i-[0-9a-f]{17}-enc[0-9a-f]{16}$/);
  });

  it('gives the recorded bytes for extending and locking PCR16', async () => {
    const { port, nsm } = await world();
    const extend = 'a169457874656e64504352a265696e6465781064646174614568656c6c6f';
    const lock = 'a1674c6f636b504352a165696e64657810';
    const readOnly = 'a1654572726f726d526561644f6e6c79496e646578';
    expect(await call(port, extend)).toBe(
      'a169457874656e64504352a16464617461583030e84b2d7eeffe6d90a475797b35e59a11b0da473eee4b3b8edfe73daf0279801bb18730c39db7f27f2f77b7b458cb9e',
    );
    expect(await call(port, lock)).toBe('674c6f636b504352');
    expect(await call(port, extend)).toBe(readOnly);
    expect(await call(port, lock)).toBe(readOnly);
    expect((await nsm.describeNsm()).lockedPcrs).toHaveLength(17);
    expect(await nsm.describePcr(16)).toEqual({
      isLocked: true,
      data: sha384(new Uint8Array([...new Uint8Array(48), ...Buffer.from('hello')])),
    });
  });

  it.each([
    ['an unknown operation', '644e6f7065', 'InvalidOperation'],
    ['bytes that are not CBOR', 'ff', 'InvalidOperation'],
    ['PCR 32', 'a16b4465736372696265504352a165696e6465781820', 'InvalidIndex'],
    ['a PCR without index', 'a16b4465736372696265504352a0', 'InvalidArgument'],
    ['LockPCRs of 33', 'a1684c6f636b50435273a16572616e67651821', 'InvalidIndex'],
    ['LockPCR 3', 'a1674c6f636b504352a165696e64657803', 'ReadOnlyIndex'],
    ['a request of 4,097 bytes', '00'.repeat(4097), 'InputTooLarge'],
  ])('refuses %s', async (_name, request, code) => {
    const { port } = await world();
    const answer = Buffer.from(await port.call(fromHex(request)));
    expect(answer.toString('latin1')).toContain(code);
  });

  it('locks a range', async () => {
    const { nsm } = await world();
    await nsm.lockPcrs(20);
    expect((await nsm.describePcr(19)).isLocked).toBe(true);
    expect((await nsm.describePcr(20)).isLocked).toBe(false);
    await expect(nsm.lockPcr(19)).rejects.toThrowCode('ERR_NSM');
  });

  it('takes fields of 1,024 bytes and refuses 1,025', async () => {
    const { nsm } = await world();
    const publicKey = new Uint8Array(1024);
    expect(
      (await nsm.attest({ publicKey, nonce: publicKey, userData: publicKey })).length,
    ).toBeGreaterThan(6_000);
    await expect(nsm.attest({ nonce: new Uint8Array(1025) })).rejects.toThrowCode('ERR_NSM');
  });
});

describe('randomness', () => {
  it('loops until there is enough', async () => {
    const { nsm } = await world();
    const bytes = await nsm.getRandom(1000);
    expect(bytes).toHaveLength(1000);
    expect(new Set(bytes).size).toBeGreaterThan(200);
  });

  it.each([
    ['zeros', 'a16947657452616e646f6da16672616e646f6d4400000000'],
    ['nothing', 'a16947657452616e646f6da16672616e646f6d40'],
    ['another operation', '674c6f636b504352'],
    ['a duplicate key', 'a16947657452616e646f6da26672616e646f6d41016672616e646f6d4102'],
    ['trailing bytes', 'a16947657452616e646f6da16672616e646f6d410100'],
  ])('refuses a device that answers %s', async (_name, answer) => {
    const nsm = new Nsm({ call: () => Promise.resolve(fromHex(answer)) });
    await expect(nsm.getRandom(32)).rejects.toThrowCode('ERR_NSM');
  });
});

describe('documents', () => {
  it('pass the verifier under a simulated policy with every check', async () => {
    const { nsm, root } = await world();
    const policy = parsePolicy(policyText({ root: rootFingerprint(root.certificate), pcrs: PCRS }));
    const nonce = new Uint8Array(randomBytes(32));
    const publicKey = new Uint8Array(randomBytes(32));
    const binding = {
      role: 'init',
      sessionId: fixed(new Uint8Array(randomBytes(32)), 32, 'session'),
      transcript: fixed(new Uint8Array(randomBytes(48)), 48, 'transcript'),
      identityKeyHash: fixed(new Uint8Array(randomBytes(32)), 32, 'identity'),
      manifestHash: fixed(new Uint8Array(randomBytes(32)), 32, 'manifest'),
      enclaveKeyHash: fixed(new Uint8Array(randomBytes(32)), 32, 'key'),
    } as const;
    const userData = encodeUserData(binding);
    expect(userData).toHaveLength(207);
    const document = await nsm.attest({ publicKey, nonce, userData });
    const verdict = await verifyAttestation(document, policy, NOW, {
      verifyP384,
      expected: { nonce, publicKey, ownPublicKey: pcr(9).subarray(0, 32), binding },
    });
    expect(verdict.code).toBeNull();
    expect(verdict.claims?.binding).toEqual(binding);
    expect(verdict.anchor?.partition).toBe('sim');
    expect(verdict.payloadSha256).toEqual(payloadSha256(document));
  });

  it('reuse the leaf for 8,000 s, then have a new one', async () => {
    let now = NOW;
    const { nsm, root } = await world(() => now);
    const policy = parsePolicy(
      policyText({ root: rootFingerprint(root.certificate), pcrs: PCRS, mode: 'audit' }),
    );
    const serial = async (): Promise<string> => {
      const verdict = await verifyAttestation(await nsm.attest({}), policy, now, { verifyP384 });
      expect(verdict.code).toBeNull();
      return verdict.claims?.leafSerial ?? '';
    };
    const first = await serial();
    now += 7_999_000;
    expect(await serial()).toBe(first);
    now += 2_000;
    expect(await serial()).not.toBe(first);
  });

  it('are high-S about half of the time', async () => {
    const { nsm } = await world();
    const half = 0x7fn;
    let high = 0;
    // 64 documents; outside 8..56 with probability below 1e-9.
    for (let i = 0; i < 64; i++) {
      const document = await nsm.attest({ nonce: Uint8Array.of(i) });
      if (BigInt(document[document.length - 48] ?? 0) > half) high += 1;
    }
    expect(high).toBeGreaterThan(8);
    expect(high).toBeLessThan(56);
  });
});

describe('the root file', () => {
  it('survives a round trip and refuses a foreign key', async () => {
    const { root, rng } = await world();
    const other = await createSimulatedRoot({ rng, now: NOW });
    expect(parseSimulatedRoot(encodeSimulatedRoot(root))).toEqual(root);
    expect(() =>
      parseSimulatedRoot(encodeSimulatedRoot({ ...root, privateKey: other.privateKey })),
    ).toThrowCode('ERR_KEY_FORMAT');
    expect(() => parseSimulatedRoot('{}')).toThrowCode('ERR_KEY_FORMAT');
  });
});
