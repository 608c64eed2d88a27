import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: [
      'test/**/*.slow.test.ts',
      'test/scenario/{boundary,door,trust,values,wire}.test.ts',
      'test/{log/processes,image/build}.test.ts',
      'test/audit/audit.test.ts',
    ],
    env: { SLOW: '1' },
    exclude: ['node_modules', 'dist'],
    testTimeout: 1_200_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // real processes with ten-second limits share CI's machine with others; a fault fails twice
    retry: process.env['CI'] === 'true' ? 1 : 0,
    setupFiles: ['test/support/matchers.ts'],
  },
});
