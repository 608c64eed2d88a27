/** Real processes killed while they append, and full disks: a sample of test/log/killed.slow.test.ts. */
import { afterAll, describe } from 'vitest';
import { killedProcesses, removeAll } from './killed.ts';

afterAll(removeAll);
describe('a log that a process appends to', () => {
  killedProcesses({ every: 17, random: 3 });
});
