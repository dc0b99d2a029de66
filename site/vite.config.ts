import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/**
 * Output in which WGSL and what writes it have a file of their own, as WebAssembly is one: kernels have a limit of size, and
 * who trains on the CPU fetches none of the GPU's.
 */
export const kernelsApart = {
  // What kernels share with all else stays with all else.
  onlyExplicitManualChunks: true,
  manualChunks: (module: string) =>
    /engine\/gpu\/(kernel|wgsl|lanes|formats)/.test(module) ? 'gpuKernels' : undefined,
};

/** A folder of files that any server may hold at any address. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  worker: {
    format: 'es',
    rollupOptions: { output: kernelsApart },
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
