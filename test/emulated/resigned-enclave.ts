/**
 * A test-only entry for images that boot under emulation: main.ts of the enclave, but documents of the emulated module,
 * which carry no signature at all, are signed again by a simulated root that is part of the image. Payload, PCRs, time,
 * nonce and keys in them stay the module's own, and the peer's verifier is production's, under a simulated policy.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { decodeCbor, encodeCbor, type CborValue } from '../../attestation/cbor.ts';
import {
  issueSimulatedChain,
  parseSimulatedRoot,
  type SimulatedChain,
  type SimulatedRoot,
} from '../../attestation/simulated/chain.ts';
import { encodePayload, signDocument } from '../../attestation/simulated/document.ts';
import { serveRun } from '../../enclave/enclave.ts';
import { openKernel } from '../../enclave/kernel/open.ts';
import { openNsmDevice } from '../../enclave/nsm/device.ts';
import { Nsm, type NsmPort } from '../../enclave/nsm/nsm.ts';
import { seededRng } from '../../enclave/random.ts';

type Fields = ReadonlyMap<CborValue, CborValue>;

function bytesOrNull(value: CborValue | undefined): Uint8Array | null {
  return value instanceof Uint8Array ? Uint8Array.from(value) : null;
}

/** Signs the payload of the device's document; everything else passes through. */
function signedAgain(device: NsmPort, root: SimulatedRoot): NsmPort {
  let chain: Promise<SimulatedChain> | undefined; // one run is shorter than its life
  return {
    async call(request) {
      const answer = await device.call(request);
      const map = decodeCbor(Uint8Array.from(answer), 3, 'CBOR_LENGTH', true);
      const body = map instanceof Map ? (map as Fields).get('Attestation') : undefined;
      if (!(body instanceof Map)) return answer;
      const document = (body as Fields).get('document') as Uint8Array;
      const [, , payload] = decodeCbor(Uint8Array.from(document), 3, 'CBOR_LENGTH') as CborValue[];
      const fields = decodeCbor(
        Uint8Array.from(payload as Uint8Array),
        3,
        'CBOR_LENGTH',
        true,
      ) as Fields;
      const moduleId = fields.get('module_id') as string;
      const now = Number(fields.get('timestamp'));
      const rng = (n: number): Uint8Array => new Uint8Array(randomBytes(n));
      chain ??= issueSimulatedChain({ root, moduleId, region: 'local-1', rng, now });
      const { leaf, leafKey, cabundle } = await chain;
      const signed = signDocument(
        encodePayload(
          {
            ...{ moduleId, timestamp: now, certificate: leaf, cabundle },
            pcrs: fields.get('pcrs') as ReadonlyMap<number, Uint8Array>,
            publicKey: bytesOrNull(fields.get('public_key')),
            userData: bytesOrNull(fields.get('user_data')),
            nonce: bytesOrNull(fields.get('nonce')),
          },
          'indefinite',
        ),
        leafKey,
      );
      return encodeCbor({ fields: [['Attestation', { fields: [['document', signed]] }]] });
    },
  };
}

const root = parseSimulatedRoot(readFileSync('/app/sim-root.json', 'utf8'));
const nsm = new Nsm(signedAgain(openNsmDevice(), root));
const rng = await seededRng((n) => nsm.getRandom(n));
await serveRun({
  ...{ sockets: '/run/dpca', nsm, rng },
  kernel: await openKernel({ workers: availableParallelism() }),
  onReady: () => process.stdout.write('ready\n'),
});
