import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    // the last ones take whole processes or images and are played by test:slow, to keep this below five minutes
    exclude: [
      ...['test/**/*.slow.test.ts', 'node_modules', 'dist'],
      ...['test/scenario/{boundary,door}.test.ts', 'test/log/processes.test.ts'],
      'test/image/build.test.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // real processes with ten-second limits share CI's machine with others; a fault fails twice
    retry: process.env['CI'] === 'true' ? 1 : 0,
    setupFiles: ['test/support/matchers.ts'],
  },
});
