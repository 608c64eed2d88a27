/**
 * The report's words for readers who are no cryptographers.
 * @module
 */
export const GLOSSARY: readonly (readonly [term: string, meaning: string])[] = [
  [
    'Attestation document',
    "A statement signed by the processor platform's security module (for AWS Nitro, under a root certificate of AWS) about which code an enclave runs.",
  ],
  [
    'Charge, slot',
    'Every run costs one slot of the number of runs that was agreed in advance. A slot is spent before any data moves and is never given back.',
  ],
  [
    'Checkpoint',
    'Number of records and a value computed from all of them, signed. It pins the log: no record before it can be changed without that being found.',
  ],
  [
    'Cosignature',
    "The other party's or a witness's signature, with its time, on a checkpoint that it has checked to continue the one before.",
  ],
  [
    'Delta',
    'The small probability with which the promise that epsilon makes may fail. It should be far below one divided by the number of rows.',
  ],
  [
    'Differential privacy',
    'A promise about what released figures say of one row: they would have been almost as likely without it.',
  ],
  [
    'Enclave',
    'A part of a machine whose memory its owner cannot read while it runs, and whose code can be proved to others.',
  ],
  [
    'Epsilon',
    'How much “almost as likely” allows: a factor of at most e to the power of epsilon. Smaller is more private; 0 would mean no information at all.',
  ],
  [
    'Interval (95 %)',
    'The noise alone moves an estimate: in at least 95 of 100 releases the figure without noise lies in its interval. It says nothing about errors in the input.',
  ],
  [
    'Ledger, lineage',
    "A party's account of slots spent on one data set, over all its peers. A lineage is that data set through all its versions.",
  ],
  [
    'Manifest',
    'The agreement of both parties: what is matched, what is released, and at which privacy cost. Both sign its hash, and any difference ends a run.',
  ],
  [
    'Mask, dummy rows',
    'Made-up rows that both enclaves add, some of which meet. They make the sizes that the hosts see differ at random from the true ones.',
  ],
  [
    'Null a row',
    'What epsilon compares: the table as it is, and the same table with one row replaced by a row that matches nothing. Lengths of tables are public.',
  ],
  [
    'PCR',
    'A measurement (a hash) of what an enclave runs: PCR0 of the whole image, PCR1 of its kernel, PCR2 of the application, PCR3 of its operator’s role, PCR8 of who signed it. The same code gives the same values.',
  ],
  [
    'Policy',
    'Which root certificates and measurements a party accepts, from when to when, and which checks it leaves out and why.',
  ],
  [
    'Receipt',
    'The record of one run, signed by both enclaves: agreement, evidence, charges and a commitment to the release. It is in both logs.',
  ],
  [
    'Standard deviation',
    'How far the noise typically moves an estimate. About two of them give the 95 % interval.',
  ],
  [
    'Suppressed',
    'Withheld since fewer rows than the agreed threshold (as noised) stand behind it. It does not mean zero.',
  ],
  [
    'Undefined',
    'The noise left nothing to divide by, so that no mean, variance or correlation can be given. The slot is spent all the same.',
  ],
  [
    'Witness',
    'A third organisation that cosigns checkpoints, so that not even both parties together could show different logs.',
  ],
];
