/**
 * Two enclave sessions joined in memory, with simulated security modules whose clocks the test sets: re-attestation,
 * expiry, and what a policy that does not fit gives. Everything but the sockets is production's.
 */
import { describe, expect, it, vi } from 'vitest';
import { ed25519 } from '@noble/curves/ed25519.js';
import { policyHash } from '../../attestation/policy.ts';
import { rootFingerprint } from '../../attestation/root.ts';
import { createSimulatedRoot } from '../../attestation/simulated/chain.ts';
import { nodeAead } from '../../enclave/aead.ts';
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { AttestationPort } from '../../enclave/attestation-port.ts';
import { Nsm } from '../../enclave/nsm/nsm.ts';
import { SimulatedNsm } from '../../enclave/nsm/simulated-nsm.ts';
import { PeerSession } from '../../enclave/peer-session.ts';
import { fixed } from '../../src/bytes.ts';
import { CoinGuard } from '../../src/dp/coins.ts';
import { toHex } from '../../src/encoding.ts';
import type { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import { manifestFromJson, manifestHash } from '../../src/run/manifest.ts';
import { cannedAnswer } from '../support/canned-ledger.ts';
import { cannedReceipt } from '../support/canned-receipt.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';
import { mockKernel } from '../support/mock-kernel.ts';
import { simulatedPolicy } from '../support/policies.ts';
import { tableOf } from '../support/tables.ts';
import { realRng } from '../support/test-rng.ts';

const START = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60_000;
const pcr = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);

interface World {
  readonly outcomes: Promise<(DpcaError | undefined)[]>;
  readonly events: { readonly a: JsonObject[]; readonly b: JsonObject[] };
  readonly sessions: { readonly a: PeerSession; readonly b: PeerSession };
  /** Gives both sides their tables. */
  readonly feed: () => void;
  /** From now on no frame arrives. */
  readonly mute: () => void;
  /** Moves the security modules' clocks. */
  readonly advanceModules: (ms: number) => void;
  /** Moves the monotonic clocks, which drive heartbeats, silence and how often the module is asked. */
  readonly advance: (ms: number) => void;
}

async function world(
  options: { readonly code?: number; readonly corruptAfterRelease?: boolean } = {},
): Promise<World> {
  let elapsed = 0;
  let moduleElapsed = 0;
  let muted = false;
  const root = await createSimulatedRoot({ rng: realRng, now: START });
  const keys = { a: realRng(32), b: realRng(32) };
  const identity = (party: 'a' | 'b') => ({
    secretKey: fixed(keys[party], 32, 'key'),
    publicKey: fixed(ed25519.getPublicKey(keys[party]), 32, 'key'),
  });
  const base = JSON.parse(JSON.stringify(testManifest(2, EXAMPLE_WEIGHTS))) as {
    parties: Record<'a' | 'b', { identity: string }>;
  };
  for (const party of ['a', 'b'] as const) {
    base.parties[party].identity = toHex(identity(party).publicKey);
  }
  const manifest = manifestFromJson(base);
  const policy = simulatedPolicy(rootFingerprint(root.certificate), options.code ?? 1);
  const events = { a: [] as JsonObject[], b: [] as JsonObject[] };
  const make = (party: 'a' | 'b', other: 'a' | 'b'): PeerSession => {
    const nsm = new Nsm(
      new SimulatedNsm({
        root,
        pcrs: { pcr0: pcr(1), pcr1: pcr(2), pcr2: pcr(3) },
        rng: realRng,
        now: () => START + moduleElapsed,
      }),
    );
    const attestation = new AttestationPort(nsm, policy, (event) => events[party].push(event));
    return new PeerSession(
      {
        sendFrame: async (frame) => {
          await new Promise((done) => setImmediate(done));
          const spoilt =
            options.corruptAfterRelease === true &&
            events[other].some((event) => event['event'] === 'release');
          if (!muted)
            void sessions[other].takeFrame(spoilt ? frame.map((byte) => byte ^ 1) : frame);
        },
        report: (event) => events[party].push(event),
        share: () => undefined,
        attest: (...request) => attestation.attest(...request),
        appraise: (...request) => attestation.appraise(...request),
        now: () => attestation.now(),
        ledger: () => ({
          handle: ({ step }) => Promise.resolve(cannedAnswer(step).message),
          entries: () => {
            throw new Error('canned charges have no entries');
          },
        }),
        receipt: () => ({
          handle: ({ step }) => Promise.resolve(cannedReceipt(step).message),
          id: 'canned',
        }),
        ...{ kernel: mockKernel, aead: nodeAead, ciphers: nodeCiphers, rng: realRng },
        coinGuard: new CoinGuard(),
        clock: () => performance.now() + elapsed,
      },
      {
        role: party === 'a' ? 'init' : 'resp',
        ...{ party, manifest, policy, identity: identity(party) },
        peerIdentity: identity(other).publicKey,
      },
      {
        policyHash: fixed(policyHash(policy), 32, 'hash'),
        manifestHash: manifestHash(manifest),
        enclaveKeyHash: fixed(realRng(32), 32, 'hash'),
      },
    );
  };
  const sessions = { a: make('a', 'b'), b: make('b', 'a') };
  sessions.b.start();
  sessions.a.start();
  return {
    outcomes: Promise.all([sessions.a.outcome, sessions.b.outcome]),
    ...{ events, sessions },
    feed: () => {
      sessions.a.takeTable(
        tableOf(
          [
            ['x', 'y'],
            ['z', null],
          ],
          2,
        ),
      );
      sessions.b.takeTable(tableOf([['x', 'q']], 2));
    },
    mute: () => (muted = true),
    advanceModules: (ms) => (moduleElapsed += ms),
    advance: (ms) => (elapsed += ms),
  };
}

/** Waits for an event of this name, at most `seconds`. */
async function seen(
  list: readonly JsonObject[],
  name: string,
  count = 1,
  seconds = 20,
): Promise<void> {
  for (let i = 0; i < seconds * 50; i++) {
    if (list.filter((event) => event['event'] === name).length >= count) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(
    `${name} was not seen; events: ${JSON.stringify(list.map((event) => event['event']))}`,
  );
}

const codes = (outcomes: readonly (DpcaError | undefined)[]) =>
  outcomes.map((error) => error?.code);

describe('a session between two enclaves', () => {
  it('releases the same on both sides', async () => {
    const { outcomes, events, feed } = await world();
    feed();
    expect(codes(await outcomes)).toEqual([undefined, undefined]);
    const release = (list: JsonObject[]) => list.find((event) => event['event'] === 'release');
    expect(release(events.a)).toBeDefined();
    expect(release(events.a)).toEqual(release(events.b));
  });

  it('keeps a release that both agreed on, whatever the network does afterwards', async () => {
    const { outcomes, events, feed } = await world({ corruptAfterRelease: true });
    feed();
    expect(codes(await outcomes)).toEqual([undefined, undefined]);
    for (const list of [events.a, events.b]) await seen(list, 'release');
  });

  it('refuses a peer whose code is not in the policy, on both sides, with the PCR named', async () => {
    const { outcomes, events } = await world({ code: 9 });
    const [a, b] = await outcomes;
    // the responder appraises first; the initiator learns of the refusal
    expect(b?.code).toBe('PCR_MISMATCH');
    expect(b?.message).toContain('PCR0');
    expect(a?.code).toBe('ERR_SESSION_REFUSED');
    expect([...events.a, ...events.b].some((event) => event['event'] === 'release')).toBe(false);
  });

  /** A few seconds of monotonic time at once, then real time for the heartbeats that belong to it. */
  async function drive(advance: (ms: number) => void, until: Promise<unknown>): Promise<void> {
    let left = 12;
    void until.catch(() => undefined).finally(() => (left = 0));
    for (; left > 0; left--) {
      advance(6_000);
      await new Promise((done) => setTimeout(done, 700));
    }
    await until;
  }

  it('attests again before fifteen minutes are over, as often as needed, and then releases', async () => {
    const { outcomes, events, feed, advance, advanceModules } = await world();
    await seen(events.a, 'accepted');
    await seen(events.b, 'accepted');
    for (let epoch = 1; epoch <= 2; epoch++) {
      advanceModules(14.5 * MINUTE);
      const both = Promise.all([
        seen(events.a, 'reattested', epoch),
        seen(events.b, 'reattested', epoch),
      ]);
      await drive(advance, both);
    }
    feed();
    expect(codes(await outcomes)).toEqual([undefined, undefined]);
  });

  it('ends when the peer falls silent', async () => {
    const { outcomes, events, advance, mute } = await world();
    await seen(events.a, 'accepted');
    mute();
    // in steps of a tick: a jump would count as this process having been late itself
    for (let tick = 0; tick < 12; tick++) {
      advance(490);
      await new Promise((done) => setTimeout(done, 500));
    }
    expect(codes(await outcomes)).toEqual(['ERR_PEER_SILENT', 'ERR_PEER_SILENT']);
  });

  it('ends when the peer is alive but does not go on, two minutes before matching', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const { outcomes, events, sessions, advance } = await world();
      await Promise.all([seen(events.a, 'accepted'), seen(events.b, 'accepted')]);
      const running = { now: true };
      void outcomes.then(() => (running.now = false));
      sessions.a.takeTable(tableOf([['x', 'y']], 2)); // b never gets its table
      let waited = 0;
      for (; running.now && waited < 200_000; waited += 900) {
        advance(900);
        vi.advanceTimersByTime(500);
        for (let i = 0; i < 20; i++) await new Promise((done) => setImmediate(done));
      }
      expect(running.now).toBe(false);
      const silent = (await outcomes).filter((error) => error?.code === 'ERR_PEER_SILENT');
      expect(silent.map((error) => error?.message).join()).toContain('did not go on for 120 s');
      expect(waited).toBeGreaterThan(100_000);
      expect(waited).toBeLessThan(130_000);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends when the peer was not attested again in time', async () => {
    const { outcomes, events, advance, advanceModules, feed } = await world();
    await seen(events.a, 'accepted');
    await seen(events.b, 'accepted');
    advanceModules(16 * MINUTE);
    await drive(advance, outcomes);
    const ended = codes(await outcomes);
    expect(ended).toContain('ERR_SESSION_UNATTESTED');
    for (const code of ended) {
      expect(['ERR_SESSION_UNATTESTED', 'ERR_SESSION_REFUSED']).toContain(code);
    }
    feed();
    expect([...events.a, ...events.b].some((event) => event['event'] === 'release')).toBe(false);
  });
});
