/**
 * Both handshake machines with every secret given, joined frame by frame; documents are opaque here.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { nodeAead } from '../../enclave/aead.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import type { HandshakeEffect, HandshakeEvent } from '../../src/session/handshake-types.ts';
import { Handshake } from '../../src/session/handshake.ts';
import type { Role } from '../../src/session/messages.ts';

/** Hex; what one side draws and brings. */
export interface HandshakeSide {
  readonly static: string;
  readonly ephemeral: string;
  readonly nonce: string;
  readonly identity: string;
  readonly policyHash: string;
  readonly manifestHash: string;
  readonly enclaveKeyHash: string;
  readonly payloadHash: string;
  readonly document: string;
  readonly versions: readonly number[];
  readonly suites: readonly number[];
}

const b32 = (hex: string): Bytes<32> => fixed(fromHex(hex), 32, 'vector');
const keysOf = (seed: string): { secretKey: Bytes<32>; publicKey: Bytes<32> } => {
  const secretKey = b32(seed);
  return { secretKey, publicKey: fixed(ed25519.getPublicKey(secretKey), 32, 'key') };
};

/** All frames in order, and what both sides agree on at the end. */
export function handshakeFrames(sides: Readonly<Record<Role, HandshakeSide>>): unknown {
  const peer = { init: 'resp', resp: 'init' } as const;
  const frames: { from: Role; frame: string }[] = [];
  const opened: Partial<Record<Role, { sessionId: string; transcript: string }>> = {};
  const make = (role: Role): Handshake => {
    const side = sides[role];
    const draws = [side.static, side.ephemeral, side.nonce];
    const { policyHash, manifestHash, enclaveKeyHash, versions, suites } = side;
    return new Handshake({
      ...{ role, aead: nodeAead, versions, suites },
      rng: () => fromHex(draws.shift() ?? ''),
      identity: keysOf(side.identity),
      peerIdentity: keysOf(sides[peer[role]].identity).publicKey,
      policyHash: b32(policyHash),
      manifestHash: b32(manifestHash),
      enclaveKeyHash: b32(enclaveKeyHash),
    });
  };
  const machines = { init: make('init'), resp: make('resp') };
  const queue: [Role, HandshakeEvent][] = [
    ['resp', { type: 'start' }],
    ['init', { type: 'start' }],
  ];
  const apply = (role: Role, effect: HandshakeEffect): void => {
    const [own, other] = [sides[role], sides[peer[role]]];
    if (effect.type === 'send') {
      frames.push({ from: role, frame: toHex(effect.bytes) });
      queue.push([peer[role], { type: 'message', bytes: effect.bytes }]);
    } else if (effect.type === 'attest') {
      const document = fromHex(own.document);
      queue.unshift([role, { type: 'document', document, payloadHash: b32(own.payloadHash) }]);
    } else if (effect.type === 'appraise') {
      const { payloadHash, manifestHash, enclaveKeyHash } = other;
      if (toHex(effect.document) !== other.document) throw new Error('another document');
      queue.push([
        role,
        {
          ...{ type: 'appraised', accept: true, expiresMs: 1 },
          payloadHash: b32(payloadHash),
          manifestHash: b32(manifestHash),
          enclaveKeyHash: b32(enclaveKeyHash),
        },
      ]);
    } else if (effect.type === 'open') {
      opened[role] = {
        sessionId: toHex(effect.sessionId),
        transcript: toHex(effect.transcript),
      };
    } else throw effect.error;
  };
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [role, event] = next;
    for (const effect of machines[role].step(event)) apply(role, effect);
  }
  if (JSON.stringify(opened.init) !== JSON.stringify(opened.resp)) throw new Error('no agreement');
  return { frames, ...opened.init };
}
