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
  const lasting = new Room(control + CONTROL_BYTES);
  const storages = new Map(
    plan.storages.map((storage) => {
      const address = lasting.take(storage.length * bytesPerElement(storage.dtype));
      return [storage.name, { storage, address }];
    }),
  );
  // Products of quantized tensors read them after the last quantizer that the memory plan knows.
  const ranges = new Map<Tensor, number>();
  for (const call of Object.values(plan.phases).flat()) {
    if (call.op !== 'prepareQuantizers' || call.results.ranges.view) continue;
    ranges.set(call.results.ranges, lasting.take(tensorBytes(call.results.ranges)));
  }
  const arena = lasting.end;
  const phases = Object.entries(plan.phases).map(([name, nodes]) => {
    const { offsets, bytes } = arenaLayout(nodes, tensorBytes, ALIGNMENT);
    const address = (tensor: Tensor) => {
      const { view } = tensor;
      if (!view) return ranges.get(tensor) ?? arena + offsets.get(tensor.id)!;
      return storages.get(view.storage.name)!.address + view.offset * bytesPerElement(view.storage.dtype);
    };
    return { name, nodes, bytes, address, quantized: quantizedTensors(nodes) };
  });
  const scratch = arena + Math.max(0, ...phases.map(({ bytes }) => bytes));

  const lowerAll = (rooms: Rooms, lists: number, memory: WebAssembly.Memory | null) => {
    const records = new Room(lists);
    const placed = new Map<string, LoweredPhase>();
    for (const phase of phases) {
      const calls = phase.nodes.flatMap((node) => {
        for (const room of [rooms.scratch, rooms.ofWorkers]) room.next = room.start;
        const context = nodeContext(phase, rooms, threads, fetched, memory);
        return lower(node, context).map((lowered) => ({ node, lowered }));
      });
      const bytes = calls.reduce((sum, { lowered }) => sum + RECORD_BYTES + argumentBytes(lowered), 0);
      placed.set(phase.name, { calls, records: records.take(bytes) });
    }
    return { placed, end: records.end };
  };
  const roomsFrom = (workerScratch: number, choices: number): Rooms => ({
    scratch: new Room(scratch),
    ofWorkers: new Room(workerScratch),
    choices: new Room(choices),
  });

  const measured = roomsFrom(0, 0);
  const listBytes = lowerAll(measured, 0, null).end;
  const workerScratch = measured.scratch.end;
  const choices = workerScratch + measured.ofWorkers.end;
  const lists = choices + measured.choices.end;
  const total = lists + listBytes;
  if (total > LARGEST_BYTES) throw tooLarge(total, ' but can address 4 GiB');
  return {
    control,
    storages,
    pages: Math.ceil(total / PAGE_BYTES),
    bytes: total - control,
    lower: (memory) => lowerAll(roomsFrom(workerScratch, choices), lists, memory).placed,
  };
}

/** Memory that is given away piece by piece, each aligned. */
class Room {
  /** The beginning of the next piece. */
  next: number;
  /** The end of the piece that reaches furthest. */
  end: number;

  constructor(readonly start: number) {
    this.next = start;
    this.end = start;
  }

  /** Gives away the next piece, and returns its address. */
  take(bytes: number): number {
    const at = this.next;
    this.next = aligned(at + bytes);
    this.end = Math.max(this.end, this.next);
    return at;
  }
}

/** Memory for lowered calls: that of each node's, the same for all workers and one piece for each, and that of the choices. */
interface Rooms {
  readonly scratch: Room;
  readonly ofWorkers: Room;
  readonly choices: Room;
}

/** A phase whose tensors have addresses. */
interface PlacedPhase {
  readonly address: (tensor: Tensor) => number;
  readonly quantized: ReturnType<typeof quantizedTensors>;
}

/** The context in which a node of a phase is lowered; `memory`: for the views that host calls hold, null to measure. */
function nodeContext(
  { address, quantized }: PlacedPhase,
  { scratch, ofWorkers, choices }: Rooms,
  threads: number,
  fetched: FetchedLowerings,
  memory: WebAssembly.Memory | null,
): LoweringContext {
  const context: LoweringContext = {
    address,
    scratch: (bytes) => scratch.take(bytes),
    workerScratch: (bytes) => {
      const stride = aligned(bytes);
      return { base: ofWorkers.take(threads * stride), stride };
    },
    isQuantized: (tensor) => quantized.has(tensor),
    choice: (bytes) => choices.take(bytes),
    alternatives: (first, second) => {
      const [start, startOfWorkers] = [scratch.next, ofWorkers.next];
      const one = first();
      const [end, endOfWorkers] = [scratch.next, ofWorkers.next];
      [scratch.next, ofWorkers.next] = [start, startOfWorkers];
      const other = second();
      [scratch.next, ofWorkers.next] = [Math.max(scratch.next, end), Math.max(ofWorkers.next, endOfWorkers)];
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
  };
  return context;
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
