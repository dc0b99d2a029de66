/**
 * What a plan's call becomes on the CPU engine: kernel calls that every worker replays on its share of chunks, and host
 * calls that the first worker makes alone (the quantizer table: a few dozen rows, computed by `quant/` itself).
 *
 * A call is cut into a number of chunks that depends on shapes only, never on the number of workers; a chunk writes
 * memory of its own, so results are the same bits whoever computes it. All workers meet between calls.
 */

import type { AnyNode, Node } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import type { OpName } from '../../ops/attributes.js';

/** A 32-bit word of a kernel's argument block: an integer (addresses are integers) or a float. */
export type Argument = number | { readonly float: number };

export interface KernelCall {
  /** Name of the exported WebAssembly kernel `(args: usize, chunk: i32, worker: i32): void`. */
  readonly kernel: string;
  readonly chunks: number;
  readonly args: readonly Argument[];
}

export interface HostCall {
  readonly host: () => void;
}

export type LoweredCall = KernelCall | HostCall;

export interface LoweringContext {
  /** Byte address of a tensor's first element in the shared memory. */
  address(tensor: Tensor): number;
  /** Memory that lives from the first to the last lowered call of one node, shared by all workers; 64-byte aligned. */
  scratch(bytes: number): number;
  /** The same, one piece a worker: worker w's begins at `base + w * stride`. */
  workerScratch(bytes: number): { readonly base: number; readonly stride: number };
  /** A view of a tensor's elements in the shared memory, for host calls. */
  floats(tensor: Tensor): Float32Array;
  integers(tensor: Tensor): Int32Array;
}

export type Lowering<K extends OpName> = (node: Node<K>, context: LoweringContext) => LoweredCall[];
export type AnyLowering = (node: AnyNode, context: LoweringContext) => LoweredCall[];
