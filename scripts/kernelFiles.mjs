/** Names of the files of the CPU engine's kernels, which `buildKernels.mjs` compiles into `src/engine/cpu`. */
export const kernelFiles = ['evaluation', 'training', 'integers'].flatMap((source) =>
  ['simd', 'relaxed'].map((level) => `kernels-${source}-${level}.wasm`),
);
