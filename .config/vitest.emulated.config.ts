import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/emulated/relay.test.ts', 'test/emulated/*.boot.ts'],
    // virtual machines without hardware help, two at a time
    testTimeout: 600_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
    fileParallelism: false,
    // the protocol gives up after ten silent seconds, which an emulated machine on busy cores may need; a fault fails twice
    retry: process.env['CI'] === 'true' ? 1 : 0,
    setupFiles: ['test/support/matchers.ts'],
  },
});
