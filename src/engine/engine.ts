/**
 * The interface of all engines: load a plan, write storages, replay phases, read storages.
 *
 * Calls are ordered: a `write` takes effect between the runs before and after it; a `read` sees all runs and writes
 * before its call and none after it, whenever it is awaited. `run` may return before the work is done; its promise
 * resolves when the engine accepts more work.
 */

import type { AnyNode } from '../graph/graph.js';
import type { Plan } from '../graph/plan.js';
import type { StorageRange } from '../passes/lastWrite.js';

/** Array of a storage; floats are Float64Array on the reference engine and Float32Array on all others. */
export type StorageArray = Float64Array | Float32Array | Int32Array | Uint8Array;

/**
 * Called with the progress of loading a plan: `compiling`, or a task that a GPU does once for each network, in words.
 */
export type LoadProgress = (task: string, done: number, total: number) => void;

export interface Engine {
  readonly name: 'reference' | 'cpu' | 'gpu';
  /** One line about the hardware in use: threads, SIMD level, adapter. */
  readonly description: string;
  /** Its kernels are fast for numbers of channels that are multiples of this (`fillingEngine.ts`); absent for any number. */
  readonly channelMultiple?: number;
  load(plan: Plan, onProgress?: LoadProgress): Promise<Program>;
  /**
   * Loads plans of several networks, each with a program of its own. Where they differ in numbers only, as those of seeds
   * and of memory budgets do, what all of them run is computed at once. Null for those that the memory does not hold
   * beside the others; a plan that cannot be loaded rejects alone.
   */
  readonly loadTogether?: (
    plans: readonly Plan[],
    onProgress?: LoadProgress,
  ) => Promise<readonly (Promise<Program> | null)[]>;
  dispose(): Promise<void>;
}

/** Time of one call of a phase, or of one of its kernels. */
export interface ProfileEntry {
  readonly phase: string;
  readonly node: AnyNode;
  /** Distinguishes entries of one node: a kernel, a tensor. */
  readonly label: string;
  readonly ms: number;
}

/** Ranges of float storages that are read or written together, one after another. */
export interface StoragePart {
  readonly ranges: readonly StorageRange[];
  /** True if the numbers travel rounded to bfloat16, two in a word (`program/bfloat16.ts`); each range begins a word. */
  readonly isRounded: boolean;
}

/** Floats of an engine, or words of two rounded ones. */
export type HostVector = Float64Array | Float32Array | Int32Array;

/** Floats in memory of the host, which need not be that of JavaScript. */
export interface HostFloats {
  readonly bytes: number;
  /**
   * An array over its first `count` elements, over all by default; to be asked for once. Whoever needs no more than the
   * address asks for one: the garbage collector runs again and again where arrays over much memory come and go.
   */
  array(count?: number): HostVector;
}

/** Transfers between a device's memory and the host's, beside its work. */
export interface Transfers {
  /**
   * Runs a phase and reads parts of its storages, each as soon as the phase has written it; they should be in that
   * order. Each result is valid until the next call, and must not be changed.
   */
  runReading(phase: string, parts: readonly StoragePart[]): readonly Promise<HostFloats>[];
  /**
   * Host memory for the values of a part that is to be written, kept for it: the same object has the same. Whoever has the
   * values puts them there, in any thread. Resolves when the write before is done, and is valid until the next one.
   */
  place(part: StoragePart): Promise<HostFloats>;
  /** Writes parts, whose values must be in place: several at once take a device less time than one after the other. */
  write(parts: readonly StoragePart[]): void;
  /** Writes parts and runs a phase behind them, as `write` and `Program.run` do, but in less time. */
  writeAndRun(parts: readonly StoragePart[], phase: string): Promise<void>;
}

export interface Program {
  /** Bytes of all storages and transient buffers. */
  readonly planBytes: number;
  /** Its place among networks that compute together, and their number; absent if it computes alone. */
  readonly among?: { readonly place: number; readonly networks: number };
  /** Copies `data` to a storage from element `offset`; numbers are converted to the storage's type. */
  write(storage: string, data: ArrayLike<number>, offset?: number): void;
  /** Copies `length` elements (by default all) from a storage. */
  read(storage: string, offset?: number, length?: number): Promise<StorageArray>;
  run(phase: string): Promise<void>;
  /**
   * Transfers of parts. Absent if memory is the host's own, where reading costs no more than a copy; null if the device's
   * storages are laid out otherwise than the plan's.
   */
  readonly transfers?: () => Promise<Transfers | null>;
  /** Time of each call, summed over the runs so far; zeros unless the engine was made to time its calls. */
  profile(): Promise<readonly ProfileEntry[]>;
  dispose(): Promise<void>;
}
