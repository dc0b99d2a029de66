import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The package by its name, from the sources.
  resolve: {
    alias: [
      { find: /^mixed-precision-dnns\/browser$/, replacement: resolve('src/browser.ts') },
      { find: /^mixed-precision-dnns\/runtime$/, replacement: resolve('src/runtime/index.ts') },
      { find: /^mixed-precision-dnns$/, replacement: resolve('src/index.ts') },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/globalSetup.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
