/**
 * The lowered form of a plan's call on the CPU engine: kernel calls that all workers replay on their shares of chunks,
 * and host calls that the first worker makes alone (the quantizer table: a few dozen rows, computed by `quant/`).
 *
 * A call is divided into a number of chunks that depends on shapes only, not on the number of workers; a chunk writes
 * memory of its own, so results are the same bits whichever worker computes it. All workers meet between calls.
 */

import type { AnyNode, Node, OpName } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';

/** A 32-bit word of a kernel's arguments: an integer (addresses are integers) or a float. */
export type Argument = number | { readonly float: number };

/** Words in the order of the keys, which is that of the fields of a class in `kernels/`. */
export type ArgumentBlock = Readonly<Record<string, Argument>>;

export interface KernelCall {
  /** Name of the exported WebAssembly kernel `(args: …Arguments, chunk: i32, worker: i32): void`. */
  readonly kernel: string;
  readonly chunks: number;
  readonly args: ArgumentBlock;
  /** Blocks behind the arguments, whose number depends on the layer. */
  readonly tables?: readonly ArgumentBlock[];
  /** The call is made only if this word, of a `choice` that an earlier call of one chunk makes, has this value. */
  readonly when?: { readonly word: number; readonly is: number };
}

interface HostCall {
  readonly host: () => void;
}

export type LoweredCall = KernelCall | HostCall;

/** Arguments and tables of a call in their order in memory; none for a host call. */
export function argumentWords(call: LoweredCall): Argument[] {
  if ('host' in call) return [];
  return [call.args, ...(call.tables ?? [])].flatMap((block) => Object.values(block));
}

/** Multiples of a step, as a uniform quantizer gives them. */
export interface Grid {
  /** Address of (step, largest value), which stays as it is after the quantizer. */
  readonly range: number;
  readonly signed: boolean;
}

/** Lowerings that are fetched where a plan has what they lower, so that the page of another network does not; else null. */
export interface FetchedLowerings {
  /** Lowers convolutions of quantized tensors with integers. */
  readonly lowerQuantized: typeof import('./lowering/integerProducts.js').lowerQuantized | null;
  readonly depthwise: typeof import('./lowering/depthwise.js') | null;
}

export interface LoweringContext extends FetchedLowerings {
  /** Byte address of a tensor's first element in the shared memory. */
  address(tensor: Tensor): number;
  /** Memory that lives from the first to the last lowered call of one node, shared by all workers; 64-byte aligned. */
  scratch(bytes: number): number;
  /** Memory of the same lifetime with one piece for each worker: worker w's begins at `base + w * stride`. */
  workerScratch(bytes: number): { readonly base: number; readonly stride: number };
  /** Tells whether a quantizer made a tensor's values. */
  isQuantized(tensor: Tensor): boolean;
  /**
   * Memory that no other call writes: workers that skip calls read it until the node's last call, when another worker
   * may be ahead of them in the scratch of the next node.
   */
  choice(bytes: number): number;
  /** Lowers both ways to compute a node, of which a run takes one: they share their scratch. */
  alternatives<A, B>(first: () => A, second: () => B): readonly [A, B];
  /** The grid of a tensor's values, if a uniform quantizer made them; null for other tensors. */
  gridOf(tensor: Tensor): Grid | null;
  /** A view of a tensor's elements in the shared memory, for host calls. */
  floats(tensor: Tensor): Float32Array;
}

export type Lowering<K extends OpName> = (node: Node<K>, context: LoweringContext) => LoweredCall[];
export type AnyLowering = (node: AnyNode, context: LoweringContext) => LoweredCall[];
