/**
 * The CPU engine: WebAssembly SIMD kernels over one shared memory, replayed by all threads.
 *
 * A loaded plan is a list of kernel calls in memory. A run wakes the workers, and all of them, the calling thread as
 * worker 0, walk the list inside WebAssembly (`kernels/replay.ts`). Results are the same bits for any thread count.
 */
import { InputError } from '../../errors.js';
import { yieldToEventLoop } from '../../eventLoop.js';
import { operandsOf, resultsOf } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { quantizedTensors } from '../../passes/quantizedTensors.js';
import type { Engine, ProfileEntry, Program, StorageArray } from '../engine.js';
import { compileKernels, instantiateKernels, type KernelModule, type Kernels } from './kernelModule.js';
import { argumentWords } from './lowered.js';
import { lowerings } from './lowering/index.js';
import { argumentBytes, type LoweredPhase, PAGE_BYTES, placePlan, RECORD_BYTES, tooLarge } from './placement.js';
import type { CpuPlatform, WorkerThread } from './platform.js';

export interface CpuEngineOptions {
  /** Number of threads, including the calling one; by default all that the machine has. */
  readonly threads?: number | undefined;
  readonly simd?: 'auto' | 'relaxed' | 'simd';
  /** Time each call (one clock reading a call). */
  readonly profile?: boolean | undefined;
}

/** Words of the control block, see `kernels/replay.ts`. */
const WORD = { run: 0, list: 16, calls: 17, stop: 18, failed: 19, spins: 20, workers: 21, timed: 22 } as const;

/**
 * Iterations of busy waiting at a barrier before sleeping: a barrier costs 3 µs with it, 20 µs without (Node 20). Not
 * used with more threads than cores.
 */
const SPINS = 10_000;

/** Interval in milliseconds at which the event loop gets a turn. */
const YIELD_MS = 50;

/** As in the key `threads`. Machines with more cores are given as many. */
export const LARGEST_THREADS = 256;

/** @throws InputError for more threads than possible here */
export async function openCpuEngine(platform: CpuPlatform, options: CpuEngineOptions = {}): Promise<Engine> {
  const { available, limit } = await platform.threads();
  const threads = options.threads ?? Math.min(available, LARGEST_THREADS);
  if (limit !== null && threads > available) throw new InputError(`threads = ${threads}: ${limit}`);
  const kernels = await compileKernels(platform, options.simd ?? 'auto');
  const programs = new Set<Program>();
  return {
    name: 'cpu',
    description: [
      `${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      `WebAssembly ${kernels.level === 'relaxed' ? 'relaxed SIMD' : 'SIMD'}`,
      ...(limit !== null && options.threads === undefined ? [limit] : []),
    ].join(', '),
    channelMultiple: 8,
    load: async (plan, onProgress) => {
      const spins = threads > available ? 0 : SPINS;
      const program = await loadProgram(platform, plan, kernels, threads, spins, options.profile ?? false);
      const tracked = {
        ...program,
        dispose: () => {
          programs.delete(tracked);
          return program.dispose();
        },
      };
      programs.add(tracked);
      onProgress?.('compiling', 1, 1);
      return tracked;
    },
    dispose: async () => {
      await Promise.all([...programs].map((program) => program.dispose()));
      programs.clear();
    },
  };
}

async function loadProgram(
  platform: CpuPlatform,
  plan: Plan,
  kernels: Kernels,
  threads: number,
  spins: number,
  timed: boolean,
): Promise<Program> {
  const phasesOfPlan = Object.values(plan.phases);
  const isQuantized = phasesOfPlan.some((nodes) => quantizedTensors(nodes).size > 0);
  const isDepthwise = phasesOfPlan.flat().some(({ op }) => !(op in lowerings));
  const placement = placePlan(plan, staticEnd(kernels.evaluation), threads, {
    lowerQuantized: isQuantized ? (await import('./lowering/integerProducts.js')).lowerQuantized : null,
    depthwise: isDepthwise ? await import('./lowering/depthwise.js') : null,
  });
  const { control, pages } = placement;
  const memory = sharedMemory(pages);
  const phases = placement.lower(memory);
  const hosts: (() => void)[] = [];
  let hostError: unknown;
  const host = {
    now: () => performance.now(),
    // An exception must not leave the loop while other workers wait at its barrier.
    call: (index: number) => {
      try {
        hosts[index]!();
      } catch (error) {
        hostError ??= error;
      }
    },
  };
  const modules = await kernels.modulesOf(kernelNames(phases.values()));
  const { exports, indexOf } = instantiateKernels(modules, memory, host);
  for (const phase of phases.values()) writeCalls(phase, memory, indexOf, hosts);
  const words = new Int32Array(memory.buffer, control, 64);
  words[WORD.spins] = spins;
  words[WORD.workers] = threads;
  words[WORD.timed] = timed ? 1 : 0;

  const workers: WorkerThread[] = await Promise.all(Array.from({ length: threads - 1 }, platform.startWorker));
  workers.forEach((worker, index) => {
    worker.post({ modules, memory, control, worker: index + 1 });
  });
  await Promise.all(workers.map(({ ready }) => ready));

  const views = new Map<string, StorageArray>();
  for (const [name, { storage, address }] of placement.storages) {
    const View = { float: Float32Array, int32: Int32Array, uint8: Uint8Array }[storage.dtype];
    views.set(name, new View(memory.buffer, address, storage.length));
  }
  const view = (name: string) => {
    const found = views.get(name);
    if (!found) throw new Error(`the plan has no storage ${name}`);
    return found;
  };

  let lastYield = performance.now();
  let disposed = false;
  return {
    planBytes: placement.bytes,
    write: (storage, data, offset = 0) => view(storage).set(data, offset),
    read: async (storage, offset = 0, length = view(storage).length - offset) =>
      view(storage).slice(offset, offset + length),
    run: async (name) => {
      const phase = phases.get(name);
      if (!phase) throw new Error(`the plan has no phase ${name}`);
      if (disposed) throw new Error('the program has been disposed of');
      words[WORD.list] = phase.records;
      words[WORD.calls] = phase.calls.length;
      if (exports.replay(control)) throw new Error('a worker thread of the CPU engine failed');
      if (hostError) throw hostError;
      if (performance.now() - lastYield > YIELD_MS) {
        await yieldToEventLoop();
        lastYield = performance.now();
      }
    },
    profile: async () => [...phases].flatMap(([name, phase]) => profileOf(name, phase, memory)),
    dispose: async () => {
      if (disposed) return;
      disposed = true;
      Atomics.store(words, WORD.stop, 1);
      Atomics.add(words, WORD.run, 1);
      Atomics.notify(words, WORD.run);
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** @throws InputError if there is not as much for this process */
function sharedMemory(pages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw tooLarge(pages * PAGE_BYTES, ', which this machine does not give it');
  }
}

/**
 * End of the static data, which only the first module has, and which is the same in every instance; found with the
 * smallest memory.
 */
function staticEnd(evaluation: KernelModule): number {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const unused = () => 0;
  return instantiateKernels([evaluation], memory, { call: unused, now: unused }).exports.staticEnd();
}

function kernelNames(phases: Iterable<LoweredPhase>): Set<string> {
  const lowered = [...phases].flatMap(({ calls }) => calls.map((call) => call.lowered));
  return new Set(lowered.flatMap((call) => ('kernel' in call ? [call.kernel] : [])));
}

/** Writes the call records of a phase and, behind them, the arguments. */
function writeCalls(
  { calls, records }: LoweredPhase,
  memory: WebAssembly.Memory,
  indexOf: ReadonlyMap<string, number>,
  hosts: (() => void)[],
): void {
  const data = new DataView(memory.buffer);
  let args = records + calls.length * RECORD_BYTES;
  calls.forEach(({ lowered }, position) => {
    const record = records + position * RECORD_BYTES;
    if ('host' in lowered) {
      data.setInt32(record, -1, true);
      data.setInt32(record + 8, hosts.push(lowered.host) - 1, true);
      return;
    }
    const index = indexOf.get(lowered.kernel);
    if (index === undefined) throw new Error(`there is no kernel ${lowered.kernel}`);
    data.setInt32(record, index, true);
    data.setInt32(record + 4, lowered.chunks, true);
    data.setUint32(record + 8, args, true);
    if (lowered.when) {
      data.setUint32(record + 24, lowered.when.word, true);
      data.setInt32(record + 28, lowered.when.is, true);
    }
    argumentWords(lowered).forEach((argument, word) => {
      if (typeof argument === 'number') data.setUint32(args + 4 * word, argument, true);
      else data.setFloat32(args + 4 * word, argument.float, true);
    });
    args += argumentBytes(lowered);
  });
}

function profileOf(phase: string, { calls, records }: LoweredPhase, memory: WebAssembly.Memory): ProfileEntry[] {
  const data = new DataView(memory.buffer);
  return calls.map(({ node, lowered }, position) => {
    const [written] = [...resultsOf(node), ...operandsOf(node)];
    return {
      phase,
      node,
      label: `${'kernel' in lowered ? lowered.kernel : 'host'} ${written?.name ?? ''}`,
      ms: data.getFloat64(records + position * RECORD_BYTES + 16, true),
    };
  });
}
