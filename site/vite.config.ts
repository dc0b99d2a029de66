import { parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** Files of `engine/gpu` that only devices with matrix units fetch. */
const ofMatrixUnits = [
  ...['matrixTrial', 'matrixKernels', 'matrixTile', 'matrixTileShapes', 'imageStrip', 'rowsSeen', 'rowGradients'],
  ...['rowTileProduct', 'rowTileShapes', 'rowTileGradient', 'rowTileGradientShapes'],
];

/**
 * Output with WGSL and the code that writes it in a file of its own, like WebAssembly: kernels have a limit of size,
 * and training on the CPU fetches none of the GPU's.
 */
export const kernelsApart = {
  // Code that kernels share with other code stays with that.
  onlyExplicitManualChunks: true,
  manualChunks: (module: string) => {
    if (module.includes('/engine/gpu/') && ofMatrixUnits.includes(parse(module).name)) return 'gpuMatrixKernels';
    return /engine\/gpu\/(kernel|wgsl|lanes|formats)/.test(module) ? 'gpuKernels' : undefined;
  },
};

/** Builds a folder of files that any server may serve at any address. */
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
    // Pictures and kernels stay files, since the page's policy allows no code in data URLs.
    assetsInlineLimit: 0,
  },
});
