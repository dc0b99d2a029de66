/**
 * The platform of the CPU engine, Node or a browser: its threads and the kernels' files. The engine is the same code in
 * both.
 */

import type { KernelFile, SimdLevel } from './kernelModule.js';

export interface CpuPlatform {
  threads(): Promise<Threads>;
  /** Enables relaxed SIMD, if that needs a flag. */
  allowRelaxedSimd(): Promise<void>;
  /** The bytes of a level's file, made by `npm run build:kernels`. */
  readKernels(file: KernelFile, level: SimdLevel): Promise<Uint8Array<ArrayBuffer>>;
  /** Starts a worker in a thread of its own, which does not keep the process alive. */
  startWorker(): Promise<WorkerThread>;
}

export interface Threads {
  /** Number of threads that can compute at a time, including the calling one. */
  readonly available: number;
  /** The reason why there cannot be more, in words; `null` if more would only be of no use. */
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
