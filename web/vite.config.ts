/** Builds the pages. What the engines import in Node alone stays outside, since no browser gets to those imports. */

import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  build: {
    target: 'esnext',
    rollupOptions: { input: `${import.meta.dirname}/trainTenSteps.html`, external: ['webgpu', /^node:/] },
  },
});
