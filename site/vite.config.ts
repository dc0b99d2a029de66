import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** A folder of files that any server may hold at any address. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  worker: {
    format: 'es',
    // Programs for GPUs are in a file of their own, as WebAssembly is: they have a limit of size of their own.
    rollupOptions: {
      output: {
        manualChunks: (module) => (/engine\/gpu\/(kernels|wgsl)\//.test(module) ? 'gpuKernels' : undefined),
      },
    },
  },
  // Cross-origin isolated, so that all cores compute.
  preview: {
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
  build: {
    target: 'esnext',
    modulePreload: false,
    outDir: '../dist-site',
    emptyOutDir: true,
    // Pictures and kernels stay files of their own: the page allows no code that is data.
    assetsInlineLimit: 0,
  },
});
