/**
 * Where the CPU engine touches its surroundings: files, threads and timers of Node or of a browser. The engine itself
 * is the same code in both. In a browser it belongs into a Web Worker, since a page's main thread must not wait.
 */

/** A running worker thread. */
export interface WorkerThread {
  post(message: unknown): void;
  /** Resolves at its first message, rejects if it fails before. */
  readonly ready: Promise<void>;
  /** Ends it, whatever it is doing. */
  terminate(): Promise<void>;
}

const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

export async function availableThreads(): Promise<number> {
  if (!isNode) return navigator.hardwareConcurrency;
  const os = await import('node:os');
  return os.availableParallelism();
}

/** Node 20 knows relaxed SIMD behind a flag, which has to be set before the first WebAssembly module is compiled. */
export async function allowRelaxedSimd(): Promise<void> {
  if (!isNode || Number.parseInt(process.versions.node, 10) >= 22) return;
  const v8 = await import('node:v8');
  v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
}

/** The bytes of a file beside this one. */
export async function readAsset(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(file, import.meta.url);
  if (!isNode) return new Uint8Array(await (await fetch(url)).arrayBuffer());
  const { readFile } = await import('node:fs/promises');
  return new Uint8Array(await readFile(url));
}

/** Starts `worker.js` in a thread of its own, which does not keep the process alive. */
export async function startWorker(): Promise<WorkerThread> {
  if (!isNode) {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    return {
      post: (message) => worker.postMessage(message),
      ready: new Promise((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => reject(new Error(event.message));
      }),
      terminate: async () => worker.terminate(),
    };
  }
  const threads = await import('node:worker_threads');
  const worker = new threads.Worker(new URL('./worker.js', import.meta.url));
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('message', () => {
      worker.unref();
      resolve();
    });
    worker.on('error', reject);
  });
  return {
    post: (message) => worker.postMessage(message),
    ready,
    terminate: async () => {
      await worker.terminate();
    },
  };
}
