/**
 * The interface of all engines: load a plan, write storages, replay phases, read storages.
 *
 * Calls are ordered: a `write` takes effect between the runs before and after it; a `read` sees all runs and writes before
 * its call, and none behind it, whenever it is waited for.
 * `run` may return before the work is done; the promise resolves when the engine takes more work.
 */

import type { AnyNode } from '../graph/graph.js';
import type { Plan } from '../graph/plan.js';
import type { StorageRange } from '../passes/lastWrite.js';

/** Floats are Float64Array on the reference engine and Float32Array on all others. */
export type StorageArray = Float64Array | Float32Array | Int32Array | Uint8Array;

/**
 * Hears how far the loading of a plan is, task by task: `compiling`, or what a GPU does once for each network, in words.
 */
export type LoadProgress = (task: string, done: number, total: number) => void;

export interface Engine {
  readonly name: 'reference' | 'cpu' | 'gpu';
  /** One line about the hardware in use: threads, SIMD level, adapter. */
  readonly description: string;
  load(plan: Plan, onProgress?: LoadProgress): Promise<Program>;
  dispose(): Promise<void>;
}

/** Time of one call of a phase, or of one kernel where an engine makes several of it. */
export interface ProfileEntry {
  readonly phase: string;
  readonly node: AnyNode;
  /** Mark that tells it from others of the same node: a kernel, a tensor. */
  readonly label: string;
  readonly ms: number;
}

/** Ranges of storages of floats that are read together, one behind the other. */
export type StoragePart = readonly StorageRange[];

export interface Program {
  /** Bytes of all storages and transient buffers: what the plan needs. */
  readonly planBytes: number;
  /** Copies `data` into a storage from element `offset` on; numbers are converted to the storage's type. */
  write(storage: string, data: ArrayLike<number>, offset?: number): void;
  /** Copies `length` elements (all, by default) out of a storage. */
  read(storage: string, offset?: number, length?: number): Promise<StorageArray>;
  run(phase: string): Promise<void>;
  /**
   * Runs a phase and reads parts of its storages, each as soon as the phase has written it; they should be in the order in
   * which it does. Each is there until the next call, and is not to be changed. Absent where memory is the host's own, and
   * reading costs no more than a copy.
   */
  readonly runReading?: (phase: string, parts: readonly StoragePart[]) => readonly Promise<Float32Array>[];
  /** Time of each call, summed over the runs so far; all zero unless the engine was made to time its calls. */
  profile(): Promise<readonly ProfileEntry[]>;
  dispose(): Promise<void>;
}
