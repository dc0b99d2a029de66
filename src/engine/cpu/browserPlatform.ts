/**
 * The CPU engine's platform in a browser. One thread works anywhere. Several threads share memory, which browsers allow
 * only to pages served with two headers, and wait for each other, which a page's main thread must not.
 *
 * Bundlers find the files by `new URL` of a literal with `import.meta.url`, and put them beside the script.
 */

import { InputError } from '../../errors.js';
import type { CpuPlatform, Threads, WorkerThread } from './platform.js';

const kernelUrls = {
  evaluation: {
    relaxed: new URL('./kernels-evaluation-relaxed.wasm', import.meta.url),
    simd: new URL('./kernels-evaluation-simd.wasm', import.meta.url),
  },
  training: {
    relaxed: new URL('./kernels-training-relaxed.wasm', import.meta.url),
    simd: new URL('./kernels-training-simd.wasm', import.meta.url),
  },
  integers: {
    relaxed: new URL('./kernels-integers-relaxed.wasm', import.meta.url),
    simd: new URL('./kernels-integers-simd.wasm', import.meta.url),
  },
};

export const browserPlatform: CpuPlatform = {
  threads: async () => threadsHere(),
  allowRelaxedSimd: async () => {},
  readKernels: async (file, level) => fetchKernels(kernelUrls[file][level]),
  startWorker: async () => startWorker(),
};

function threadsHere(): Threads {
  if (!globalThis.crossOriginIsolated) {
    return {
      available: 1,
      limit:
        'this page is not cross-origin isolated; more threads than one need it to be served with the headers ' +
        'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    };
  }
  if (typeof document !== 'undefined') {
    return { available: 1, limit: "a page's own thread must not wait for others; train in a Web Worker to use more" };
  }
  return { available: navigator.hardwareConcurrency, limit: null };
}

/** The first bytes of every module. */
const MAGIC = [0, 97, 115, 109];

/** @throws InputError if the server has no such file, or answers with something else, such as its start page */
async function fetchKernels(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const mend = "the bundler's output must be served with its .wasm files";
  const response = await fetch(url).catch((error: Error) => {
    throw new InputError(`${url}: cannot be fetched (${error.message}); ${mend}`, { cause: error });
  });
  if (!response.ok) throw new InputError(`${url}: cannot be fetched (status ${response.status}); ${mend}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (MAGIC.every((byte, index) => bytes[index] === byte)) return bytes;
  throw new InputError(`${url}: is no WebAssembly but ${response.headers.get('content-type') ?? 'unknown'}; ${mend}`);
}

function startWorker(): WorkerThread {
  const worker = new Worker(new URL('./browserWorker.js', import.meta.url), { type: 'module' });
  return {
    post: (message) => worker.postMessage(message),
    ready: new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = ({ message }) =>
        reject(
          message
            ? new Error(`a worker of the CPU engine: ${message}`)
            : new InputError("browserWorker.js: cannot be loaded; the bundler's output must be served with it"),
        );
    }),
    terminate: async () => worker.terminate(),
  };
}
