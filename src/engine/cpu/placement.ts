/**
 * The layout of the shared memory for a plan:
 *
 *     static data | control block | storages | ranges of quantizers | arena of transient tensors | scratch |
 *     scratch of each worker | choices | call lists
 *
 * Phases share arena and scratch. Sizes of scratch, choices and lists are known only after lowering, and each begins
 * where the one before ends, so a plan is lowered twice: to measure, and with the final addresses.
 */
import { InputError } from '../../errors.js';
import type { AnyNode } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { elementCount, type Storage, type Tensor } from '../../graph/tensor.js';
import { arenaLayout } from '../../passes/memory.js';
import { type QuantizingActivation, quantizedTensors } from '../../passes/quantizedTensors.js';
import { argumentWords, type FetchedLowerings, type LoweredCall, type LoweringContext } from './lowered.js';
import { rangeAddress } from './lowering/activationKind.js';
import { lower } from './lowering/index.js';

const CONTROL_BYTES = 256;
export const RECORD_BYTES = 128;
const ALIGNMENT = 64;
export const PAGE_BYTES = 65536;
const LARGEST_BYTES = 2 ** 32;

export interface LoweredPhase {
  readonly calls: readonly { readonly node: AnyNode; readonly lowered: LoweredCall }[];
  /** Address of the phase's call records, which the calls' arguments follow. */
  readonly records: number;
}

export interface Placement {
  readonly control: number;
  readonly storages: ReadonlyMap<string, { readonly storage: Storage; readonly address: number }>;
  readonly pages: number;
  /** Bytes of storages, transient tensors, scratch and lists. */
  readonly bytes: number;
  /** The phases with final addresses; `memory`: for the views that host calls hold. */
  lower(memory: WebAssembly.Memory): ReadonlyMap<string, LoweredPhase>;
}

/**
 * Lays out a plan from address `base`.
 *
 * @throws InputError if it does not fit into the 4 GiB that WebAssembly can address
 */
export function placePlan(plan: Plan, base: number, threads: number, fetched: FetchedLowerings): Placement {
  const control = aligned(base);
  let end = control + CONTROL_BYTES;
  const storages = new Map<string, { storage: Storage; address: number }>();
  for (const storage of plan.storages) {
    storages.set(storage.name, { storage, address: end });
    end = aligned(end + storage.length * bytesPerElement(storage.dtype));
  }
  // Products of quantized tensors read them after the last quantizer that the memory plan knows.
  const ranges = new Map<Tensor, number>();
  for (const call of Object.values(plan.phases).flat()) {
    if (call.op !== 'prepareQuantizers' || call.results.ranges.view) continue;
    ranges.set(call.results.ranges, end);
    end = aligned(end + tensorBytes(call.results.ranges));
  }
  const arena = end;
  const layouts = new Map(
    Object.entries(plan.phases).map(([name, calls]) => [name, arenaLayout(calls, tensorBytes, ALIGNMENT)]),
  );
  const scratch = arena + Math.max(0, ...[...layouts.values()].map(({ bytes }) => bytes));

  const lowerAll = (workerScratch: number, choices: number, memory: WebAssembly.Memory | null) => {
    let scratchEnd = scratch;
    let workerEnd = workerScratch;
    let choicesEnd = choices;
    const phases = new Map<string, LoweredPhase['calls']>();
    for (const [name, nodes] of Object.entries(plan.phases)) {
      const offsets = layouts.get(name)!.offsets;
      const address = (tensor: Tensor) => {
        const { view } = tensor;
        if (!view) return ranges.get(tensor) ?? arena + offsets.get(tensor.id)!;
        return storages.get(view.storage.name)!.address + view.offset * bytesPerElement(view.storage.dtype);
      };
      const quantized = quantizedTensors(nodes);
      const calls = nodes.flatMap((node) => {
        let next = scratch;
        let nextOfWorkers = workerScratch;
        const context: LoweringContext = {
          address,
          scratch: (bytes) => {
            const at = next;
            next = aligned(at + bytes);
            scratchEnd = Math.max(scratchEnd, next);
            return at;
          },
          workerScratch: (bytes) => {
            const at = nextOfWorkers;
            const stride = aligned(bytes);
            nextOfWorkers = at + threads * stride;
            workerEnd = Math.max(workerEnd, nextOfWorkers);
            return { base: at, stride };
          },
          isQuantized: (tensor) => quantized.has(tensor),
          choice: (bytes) => {
            const at = choicesEnd;
            choicesEnd = aligned(at + bytes);
            return at;
          },
          alternatives: (first, second) => {
            const [start, startOfWorkers] = [next, nextOfWorkers];
            const one = first();
            const [firstEnd, firstEndOfWorkers] = [next, nextOfWorkers];
            [next, nextOfWorkers] = [start, startOfWorkers];
            const other = second();
            [next, nextOfWorkers] = [Math.max(next, firstEnd), Math.max(nextOfWorkers, firstEndOfWorkers)];
            return [one, other];
          },
          ...fetched,
          gridOf: (tensor) => {
            const origin = quantized.get(tensor);
            if (!origin || !isUniform(origin.activation)) return null;
            return { range: rangeAddress(origin.activation, origin.ranges, context), signed: origin.activation.signed };
          },
          floats: (tensor) =>
            memory ? new Float32Array(memory.buffer, address(tensor), elementCount(tensor.shape)) : new Float32Array(),
          integers: (tensor) =>
            memory ? new Int32Array(memory.buffer, address(tensor), elementCount(tensor.shape)) : new Int32Array(),
        };
        return lower(node, context).map((lowered) => ({ node, lowered }));
      });
      phases.set(name, calls);
    }
    return { phases, scratchEnd, workerEnd, choicesEnd };
  };

  const withRecords = (phases: ReadonlyMap<string, LoweredPhase['calls']>, from: number) => {
    const placed = new Map<string, LoweredPhase>();
    let at = from;
    for (const [name, calls] of phases) {
      placed.set(name, { calls, records: at });
      at = aligned(at + calls.reduce((bytes, { lowered }) => bytes + RECORD_BYTES + argumentBytes(lowered), 0));
    }
    return { placed, end: at };
  };

  const measured = lowerAll(scratch, scratch, null);
  const workerScratch = measured.scratchEnd;
  const choices = workerScratch + (measured.workerEnd - scratch);
  const lists = choices + (measured.choicesEnd - scratch);
  const total = withRecords(measured.phases, lists).end;
  if (total > LARGEST_BYTES) {
    throw tooLarge(total, ' but can address 4 GiB');
  }
  return {
    control,
    storages,
    pages: Math.ceil(total / PAGE_BYTES),
    bytes: total - control,
    lower: (memory) => withRecords(lowerAll(workerScratch, choices, memory).phases, lists).placed,
  };
}

/** @param why follows the bytes that are needed */
export function tooLarge(bytes: number, why: string): InputError {
  return new InputError(`the CPU engine needs ${(bytes / 2 ** 30).toFixed(1)} GiB${why}: choose a smaller batch size`);
}

export function argumentBytes(call: LoweredCall): number {
  return argumentWords(call).length * 4;
}

function tensorBytes(tensor: Tensor): number {
  return elementCount(tensor.shape) * bytesPerElement(tensor.dtype);
}

function isUniform({ core }: QuantizingActivation): boolean {
  return core === 'uniform' || core === 'fixedUniform';
}

function bytesPerElement(dtype: Storage['dtype']): number {
  return dtype === 'uint8' ? 1 : 4;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
