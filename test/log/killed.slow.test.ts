/** Real processes killed at every point of their file operations and at any time, and full disks. */
import { afterAll, describe } from 'vitest';
import { killedProcesses, removeAll } from './killed.ts';

afterAll(removeAll);
describe('a log that a process appends to', () => {
  killedProcesses({ every: 1, random: 60 });
});
