/**
 * A loaded plan on a GPU: buffers, pipelines and bind groups are made once, each phase is a list of dispatches that
 * `run` encodes into one command buffer. Nothing is read back unless asked for, and the host is a few steps ahead at
 * most.
 */

import type { Plan } from '../../graph/plan.js';
import type { ProfileEntry, Program } from '../engine.js';
import type { OpenDevice } from './device.js';
import {
  createBuffers,
  type Dispatch,
  dispatchOf,
  encode,
  mebibytes,
  OutOfMemory,
  parameterBuffer,
} from './dispatch.js';
import {
  type BufferPlan,
  boundBuffers,
  type KernelCall,
  longestDispatch,
  type MatrixUnits,
  offsetAlignment,
  strideOf,
} from './kernel.js';
import type { Lockstep, Submit } from './lockstep.js';
import { lowerPhase } from './lowering.js';
import { compilePipelines } from './pipelines.js';
import { type PlanPlacement, placePlan, type TileChoice } from './placement.js';
import { schedulePlan } from './schedule.js';
import type { IdleHost, StagedTransfers } from './staging.js';
import { readStorage, type StoragePlace, writeStorage } from './storageAccess.js';
import { workAhead } from './workAhead.js';

export interface LoadOptions {
  /** Time every dispatch; the device needs the feature `timestamp-query`. */
  readonly profile?: boolean;
  readonly matrixUnits?: MatrixUnits | null;
  /** Tiles of products; the first candidates by default. */
  readonly choose?: TileChoice | undefined;
  /** Leave out phases with a kernel that the device cannot make, instead of failing. */
  readonly skipsFaulty?: boolean;
  readonly idleHost?: IdleHost | undefined;
}

/** Loads a plan for one network. */
export async function loadProgram(
  open: OpenDevice,
  plan: Plan,
  ...how: [options?: LoadOptions, onProgress?: (done: number, total: number) => void]
): Promise<Program> {
  return (await loadPrograms(open, [plan], ...how))[0]!;
}

/**
 * Loads plans that are alike (`alike.ts`), one for each of the networks that compute together; each has a program of its
 * own. Networks whose plan is the same object share what is lowered of it.
 *
 * @throws {OutOfMemory} if they are too large for the device
 */
export async function loadPrograms(
  open: OpenDevice,
  plans: readonly [Plan, ...Plan[]],
  { profile = false, matrixUnits = null, choose, skipsFaulty = false, idleHost }: LoadOptions = {},
  onProgress?: (done: number, total: number) => void,
): Promise<readonly Program[]> {
  const { device } = open;
  const networks = plans.length;
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage: mostBuffers } = device.limits;
  const mostBytes = Math.min(maxBufferSize, maxStorageBufferBindingSize) / networks;
  const largestBuffer = Math.floor(mostBytes / offsetAlignment) * offsetAlignment;
  const lower = (given: Plan) => {
    const plan = schedulePlan(given);
    const placement = placePlan(plan, { matrixUnits, choose, largestBuffer, mostBuffers, networks });
    const phases = Object.entries(plan.phases).map(
      ([phase, nodes]) => [phase, lowerPhase(nodes, placement.forPhase(phase))] as const,
    );
    return { plan, placement, phases };
  };
  const own = new Map([...new Set(plans)].map((each) => [each, lower(each)]));
  const { plan, placement, phases: ofFirst } = own.get(plans[0])!;
  // Pages have one network at a time, and need not fetch it.
  const joint = networks > 1 ? await import('./ownParameters.js') : null;
  const lowered = joint?.jointPhases(plans.map((each) => own.get(each)!.phases)) ?? ofFirst;
  const calls = lowered.flatMap(([, phaseCalls]) => phaseCalls.map(({ call }) => call));
  checkSizes(placement.buffers, calls, { largestBuffer, mostBuffers, networks });
  const { pipelines, faults } = await compilePipelines(device, calls, onProgress);
  if (faults[0] && !skipsFaulty) throw faults[0];
  const buffers = await createBuffers(device, placement.buffers);
  const parameters = parameterBuffer(device, calls);
  const phases = new Map(
    lowered
      .filter(([, phaseCalls]) => phaseCalls.every(({ call }) => pipelines.has(call.code)))
      .map(([phase, phaseCalls]) => [
        phase,
        phaseCalls.map((each) => dispatchOf(device, each, pipelines, buffers, parameters)),
      ]),
  );
  open.check();
  const submit = submitter(open, phases);
  const together = networks > 1 ? (await import('./lockstep.js')).lockstep(networks, submit) : null;
  const loaded = { open, plan, placement, buffers, parameters, phases, profile, idleHost, networks, submit, together };
  return Array.from({ length: networks }, (_, network) => programOf(network, loaded));
}

/** Buffers and dispatches on a device, which the programs of all networks share. */
interface Loaded {
  readonly open: OpenDevice;
  readonly plan: Plan;
  readonly placement: PlanPlacement;
  readonly buffers: ReadonlyMap<BufferPlan, GPUBuffer>;
  /** The parameters of all dispatches. */
  readonly parameters: GPUBuffer;
  readonly phases: Phases;
  readonly profile: boolean;
  readonly idleHost: LoadOptions['idleHost'];
  readonly networks: number;
  readonly submit: Submit;
  /** Null for a single network. */
  readonly together: Lockstep | null;
}

/** The dispatches of each phase. */
type Phases = ReadonlyMap<string, Dispatch[]>;

function dispatchesOf(phases: Phases, phase: string): Dispatch[] {
  const dispatches = phases.get(phase);
  if (!dispatches) throw new Error(`the plan has no phase ${phase}`);
  return dispatches;
}

/** A function that submits a phase, and waits while the host is far ahead of the device. */
function submitter(open: OpenDevice, phases: Phases): Submit {
  const { device } = open;
  const accepts = workAhead();
  return async (phase, first, count) => {
    open.check();
    const encoder = device.createCommandEncoder();
    encode(encoder, dispatchesOf(phases, phase), first, count);
    device.queue.submit([encoder.finish()]);
    await open.explain(accepts(device.queue.onSubmittedWorkDone()));
  };
}

/** The program of one of the networks. */
function programOf(network: number, loaded: Loaded): Program {
  const { open, plan, placement, buffers, parameters, phases, profile, idleHost, networks, submit, together } = loaded;
  const { device } = open;
  /** Puts what comes next behind all that the network has asked for. */
  const settle = (): void => together?.settle(network);
  const placeOf = (name: string): StoragePlace => {
    const storage = plan.storages.find((each) => each.name === name);
    if (!storage) throw new Error(`the plan has no storage ${name}`);
    const buffer = placement.storages.get(name)!;
    return { storage, buffer: buffers.get(buffer)!, begin: network * strideOf(buffer) };
  };
  let staged: Promise<StagedTransfers> | null = null;
  const transfers = (): Promise<StagedTransfers> => {
    staged ??= import('./staging.js').then(({ stagedTransfers }) =>
      stagedTransfers(open, {
        ...{ placeOf, settle, idleHost },
        dispatchesOf: (phase) => dispatchesOf(phases, phase),
        encode: (encoder, dispatches) => encode(encoder, dispatches, network),
      }),
    );
    return staged;
  };
  return {
    planBytes: placement.buffers.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(together && { among: { place: network, networks } }),
    write: (name, data, offset = 0) => {
      settle();
      writeStorage(device, placeOf(name), data, offset);
    },
    read: async (name, offset = 0, length) => {
      open.check();
      settle();
      const place = placeOf(name);
      return open.explain(readStorage(device, place, offset, length ?? place.storage.length - offset));
    },
    run: async (phase) => {
      open.check();
      const dispatches = dispatchesOf(phases, phase);
      if (!profile) return together ? together.run(network, phase) : submit(phase, network);
      const { timeDispatches } = await import('./profile.js');
      await open.explain(timeDispatches(device, dispatches, network));
    },
    ...(!profile && { transfers }),
    profile: async () =>
      [...phases].flatMap(([phase, dispatches]) =>
        dispatches.flatMap(({ nodes, label, ms }) =>
          nodes.map((node): ProfileEntry => ({ phase, node, label, ms: ms / nodes.length })),
        ),
      ),
    dispose: async () => {
      (await staged)?.dispose();
      if (together && !together.leave(network)) return;
      for (const buffer of [...buffers.values(), parameters]) buffer.destroy();
    },
  };
}

function checkSizes(
  buffers: readonly BufferPlan[],
  calls: readonly KernelCall[],
  { largestBuffer, mostBuffers, networks }: Readonly<Record<'largestBuffer' | 'mostBuffers' | 'networks', number>>,
): void {
  const tooLarge = buffers.find(({ bytes }) => bytes > largestBuffer);
  if (tooLarge) {
    const each = networks > 1 ? ` for each of ${networks} networks` : '';
    throw new OutOfMemory(
      `${tooLarge.label} needs ${mebibytes(tooLarge.bytes)}, the GPU allows ${mebibytes(largestBuffer)}${each}`,
    );
  }
  const tooMany = calls.find((call) => boundBuffers(call) > mostBuffers);
  if (tooMany) {
    throw new Error(`${tooMany.label} binds ${boundBuffers(tooMany)} buffers, the GPU allows ${mostBuffers}`);
  }
  const widthOf = ([x, y, z]: KernelCall['workgroups']) => Math.max(x, y, networks * z);
  const tooWide = calls.find(({ workgroups }) => widthOf(workgroups) > longestDispatch);
  if (tooWide) {
    const { label, workgroups } = tooWide;
    const why = `${label} needs ${workgroups.join(' × ')} workgroups for each network`;
    throw new OutOfMemory(`${why}, WebGPU allows ${longestDispatch} in a row`);
  }
}
