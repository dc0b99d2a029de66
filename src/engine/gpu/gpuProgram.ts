/**
 * A loaded plan on a GPU: buffers, pipelines and bind groups are made once, each phase is a list of dispatches that
 * `run` encodes into one command buffer. Nothing is read back unless asked for, and the host is a few steps ahead at
 * most.
 */

import type { AnyNode } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import type { Storage } from '../../graph/tensor.js';
import type { ProfileEntry, Program, StorageArray, Transfers } from '../engine.js';
import type { OpenDevice } from './device.js';
import { type BufferPlan, type KernelCall, longestDispatch, type MatrixUnits } from './kernel.js';
import { type LoweredCall, lowerPhase } from './lowering.js';
import { compilePipelines } from './pipelines.js';
import { placePlan, type TileChoice } from './placement.js';
import { schedulePlan } from './schedule.js';
import type { StagedTransfers } from './staging.js';

export interface LoadOptions {
  /** Time every dispatch; the device needs the feature `timestamp-query`. */
  readonly profile?: boolean;
  readonly matrixUnits?: MatrixUnits | null;
  /** Tiles of products; the first candidates by default. */
  readonly choose?: TileChoice | undefined;
  /** Leave out phases with a kernel that the device cannot make, instead of failing. */
  readonly skipsFaulty?: boolean;
  /** Lets the host wait for a moment, while it has nothing to do but to ask the device for results. */
  readonly rest?: (() => void) | undefined;
}

export interface Dispatch {
  readonly nodes: readonly AnyNode[];
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  /** Device time of the runs so far, if they are timed. */
  ms: number;
}

/** Steps that the host may be ahead of the device: enough to hide the host's work, few enough to stop soon. */
const stepsInFlight = 8;

export async function loadProgram(
  open: OpenDevice,
  given: Plan,
  { profile = false, matrixUnits = null, choose, skipsFaulty = false, rest }: LoadOptions = {},
  onProgress?: (done: number, total: number) => void,
): Promise<Program> {
  const { device } = open;
  const plan = schedulePlan(given);
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const largestBuffer = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const placement = placePlan(plan, { matrixUnits, choose, largestBuffer });
  const lowered = Object.entries(plan.phases).map(
    ([phase, nodes]) => [phase, lowerPhase(nodes, placement.forPhase(phase))] as const,
  );
  const calls = lowered.flatMap(([, phaseCalls]) => phaseCalls.map(({ call }) => call));
  checkSizes(device, placement.buffers, calls);
  const { pipelines, faults } = await compilePipelines(device, calls, onProgress);
  if (faults[0] && !skipsFaulty) throw faults[0];
  const buffers = new Map(placement.buffers.map((buffer) => [buffer, createBuffer(device, buffer)]));
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

  const dispatchesOf = (phase: string) => {
    const dispatches = phases.get(phase);
    if (!dispatches) throw new Error(`the plan has no phase ${phase}`);
    return dispatches;
  };
  const storageOf = (name: string) => {
    const storage = plan.storages.find((each) => each.name === name);
    if (!storage) throw new Error(`the plan has no storage ${name}`);
    return { storage, buffer: buffers.get(placement.storages.get(name)!)! };
  };
  const bufferOf = (name: string) => storageOf(name).buffer;
  let staged: Promise<StagedTransfers> | null = null;
  const transfers = async (): Promise<Transfers> => {
    staged ??= import('./staging.js').then(({ stagedTransfers }) => stagedTransfers(device, bufferOf, encode, rest));
    const { runReading, upload } = await staged;
    return {
      runReading: (phase, parts) => {
        open.check();
        return runReading(dispatchesOf(phase), parts).map(open.explain);
      },
      upload,
    };
  };
  const inFlight: Promise<unknown>[] = [];
  return {
    planBytes: placement.buffers.reduce((sum, { bytes }) => sum + bytes, 0),
    write: (name, data, offset = 0) => {
      const { storage, buffer } = storageOf(name);
      writeStorage(device, storage, buffer, data, offset);
    },
    read: async (name, offset = 0, length) => {
      open.check();
      const { storage, buffer } = storageOf(name);
      const count = length ?? storage.length - offset;
      return open.explain(readStorage(device, storage, buffer, offset, count));
    },
    run: async (phase) => {
      open.check();
      const dispatches = dispatchesOf(phase);
      if (profile) {
        const { timeDispatches } = await import('./profile.js');
        await open.explain(timeDispatches(device, dispatches));
        return;
      }
      const encoder = device.createCommandEncoder();
      encode(encoder, dispatches);
      device.queue.submit([encoder.finish()]);
      inFlight.push(device.queue.onSubmittedWorkDone());
      if (inFlight.length >= stepsInFlight) await open.explain(inFlight.shift()!);
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
      for (const buffer of [...buffers.values(), parameters]) buffer.destroy();
    },
  };
}

function encode(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[]): void {
  const pass = encoder.beginComputePass();
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  }
  pass.end();
}

function checkSizes(device: GPUDevice, buffers: readonly BufferPlan[], calls: readonly KernelCall[]): void {
  const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = device.limits;
  const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const tooLarge = buffers.find(({ bytes }) => bytes > most);
  if (tooLarge) {
    const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new Error(
      `${tooLarge.label} needs ${mebibytes(tooLarge.bytes)}, the GPU allows ${mebibytes(most)}: choose a smaller batch`,
    );
  }
  const buffersOf = ({ bindings, words }: KernelCall) => bindings.length + (words.length > 0 ? 1 : 0);
  const tooMany = calls.find((call) => buffersOf(call) > maxStorageBuffersPerShaderStage);
  if (tooMany) {
    throw new Error(
      `${tooMany.label} binds ${buffersOf(tooMany)} buffers, the GPU allows ${maxStorageBuffersPerShaderStage}`,
    );
  }
  const tooWide = calls.find(({ workgroups }) => Math.max(...workgroups) > longestDispatch);
  if (tooWide) {
    const { label, workgroups } = tooWide;
    throw new Error(`${label} needs ${workgroups.join(' × ')} workgroups, WebGPU allows ${longestDispatch} in a row`);
  }
}

function createBuffer(device: GPUDevice, { label, bytes }: BufferPlan): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return device.createBuffer({ label, size: Math.ceil(bytes / 16) * 16, usage });
}

/** Uniforms and tables of words of all calls in one buffer, at WebGPU's offsets; in order of the calls. */
function parameterBuffer(device: GPUDevice, calls: readonly KernelCall[]): GPUBuffer {
  const bytes = calls.reduce((sum, { parameters, words }) => sum + alignedBytes(parameters) + alignedBytes(words), 0);
  const words = new Uint32Array(bytes / 4);
  let start = 0;
  for (const call of calls) {
    words.set(call.parameters, start / 4);
    words.set(call.words, (start + alignedBytes(call.parameters)) / 4);
    parameterOffsets.set(call, start);
    start += alignedBytes(call.parameters) + alignedBytes(call.words);
  }
  const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ label: 'parameters', size: Math.max(256, bytes), usage });
  device.queue.writeBuffer(buffer, 0, words);
  return buffer;
}

const parameterOffsets = new WeakMap<KernelCall, number>();

function alignedBytes(words: readonly number[]): number {
  return Math.ceil((4 * words.length) / 256) * 256;
}

function dispatchOf(
  device: GPUDevice,
  { nodes, call }: LoweredCall,
  pipelines: ReadonlyMap<string, GPUComputePipeline>,
  buffers: ReadonlyMap<BufferPlan, GPUBuffer>,
  parameters: GPUBuffer,
): Dispatch {
  const pipeline = pipelines.get(call.code)!;
  const entries: GPUBindGroupEntry[] = call.bindings.map(({ buffer }, index) => ({
    binding: index + 1,
    resource: bindingOf(buffer, buffers),
  }));
  if (call.parameters.length > 0) {
    const size = Math.ceil(call.parameters.length / 4) * 16;
    entries.push({ binding: 0, resource: { buffer: parameters, offset: parameterOffsets.get(call)!, size } });
  }
  if (call.words.length > 0) {
    const offset = parameterOffsets.get(call)! + alignedBytes(call.parameters);
    const resource = { buffer: parameters, offset, size: 4 * call.words.length };
    entries.push({ binding: call.bindings.length + 1, resource });
  }
  const bindGroup = device.createBindGroup({ label: call.label, layout: pipeline.getBindGroupLayout(0), entries });
  return { nodes, label: call.label, pipeline, bindGroup, workgroups: call.workgroups, ms: 0 };
}

function bindingOf(part: BufferPlan, buffers: ReadonlyMap<BufferPlan, GPUBuffer>): GPUBufferBinding {
  const { bytes, within } = part;
  if (!within) return { buffer: buffers.get(part)! };
  return { buffer: buffers.get(within.buffer)!, offset: within.byteOffset, size: bytes };
}

const arrays = { float: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;

function writeStorage(
  device: GPUDevice,
  { name, dtype, length }: Storage,
  buffer: GPUBuffer,
  data: ArrayLike<number>,
  offset: number,
): void {
  const end = offset + data.length;
  if (end > length) throw new Error(`${data.length} numbers at ${offset} exceed storage ${name} of ${length}`);
  const values = data instanceof arrays[dtype] ? data : arrays[dtype].from(data);
  if (dtype !== 'uint8') {
    device.queue.writeBuffer(buffer, 4 * offset, values as Float32Array<ArrayBuffer>);
    return;
  }
  if (offset % 4 !== 0 || (end % 4 !== 0 && end !== length)) {
    throw new Error(`bytes of storage ${name} can be written from ${offset} to ${end} only in multiples of 4`);
  }
  const whole = values.length - (values.length % 4);
  device.queue.writeBuffer(buffer, offset, values as Uint8Array<ArrayBuffer>, 0, whole);
  if (whole === values.length) return;
  const rest = new Uint8Array(4);
  rest.set(values.subarray(whole) as Uint8Array);
  device.queue.writeBuffer(buffer, offset + whole, rest);
}

async function readStorage(
  device: GPUDevice,
  { dtype }: Storage,
  buffer: GPUBuffer,
  offset: number,
  length: number,
): Promise<StorageArray> {
  const size = arrays[dtype].BYTES_PER_ELEMENT;
  const start = Math.floor((offset * size) / 4) * 4;
  const end = Math.ceil(((offset + length) * size) / 4) * 4;
  if (end === start) return new arrays[dtype](0);
  const staging = device.createBuffer({ size: end - start, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, start, staging, 0, end - start);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const first = offset * size - start;
  const bytes = staging.getMappedRange().slice(first, first + length * size);
  staging.destroy();
  return new arrays[dtype](bytes);
}
