import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** A folder of files that any server may hold at any address. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  worker: { format: 'es' },
  build: {
    target: 'esnext',
    modulePreload: false,
    outDir: '../dist-site',
    emptyOutDir: true,
    // Pictures and kernels stay files of their own: the page allows no code that is data.
    assetsInlineLimit: 0,
  },
});
