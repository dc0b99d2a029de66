/**
 * The surroundings of the CPU engine: threads and the kernels' files, of Node or of a browser. The engine
 * itself is the same code in both.
 */

import type { KernelFile, SimdLevel } from './kernelModule.js';

export interface CpuPlatform {
  threads(): Promise<Threads>;
  /** Lets WebAssembly with relaxed SIMD be compiled, where that takes a word. */
  allowRelaxedSimd(): Promise<void>;
  /** The bytes of a file that `npm run build:kernels` makes for a level. */
  readKernels(file: KernelFile, level: SimdLevel): Promise<Uint8Array<ArrayBuffer>>;
  /** Starts a worker in a thread of its own, which does not keep the process alive. */
  startWorker(): Promise<WorkerThread>;
}

export interface Threads {
  /** As many as can compute at a time, the calling one included. */
  readonly available: number;
  /** Why there can be no more than these, in words; `null` where more are only of no use. */
  readonly limit: string | null;
}

/** A running worker thread. */
export interface WorkerThread {
  post(message: unknown): void;
  /** Resolves at its first message, rejects if it fails before. */
  readonly ready: Promise<void>;
  /** Ends it, whatever it is doing. */
  terminate(): Promise<void>;
}
