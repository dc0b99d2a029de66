/**
 * Dispatches on a device: the buffers of a plan, and the bind groups of its kernel calls. A buffer has the numbers of all
 * networks that compute together, one network behind the other.
 */

import type { AnyNode } from '../../graph/graph.js';
import { type BufferPlan, type KernelCall, networksOf, strideOf, stridesOf, wholeOf } from './kernel.js';
import type { LoweredCall } from './lowering.js';

/** A kernel call with all that the device needs for it. */
export interface Dispatch {
  readonly nodes: readonly AnyNode[];
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  /** One for each network, with the numbers of that one and of all behind it. */
  readonly bindGroups: readonly GPUBindGroup[];
  readonly workgroups: readonly [number, number, number];
  /** Device time of the runs so far, if they are timed. */
  ms: number;
}

/** Adds a pass that computes the dispatches for `count` networks from `first` on. */
export function encode(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[], first: number, count = 1): void {
  const pass = encoder.beginComputePass();
  for (const { pipeline, bindGroups, workgroups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroups[first]!);
    const [x, y, z] = workgroups;
    pass.dispatchWorkgroups(x, y, count * z);
  }
  pass.end();
}

/** Thrown for plans that are too large for the device; fewer networks, or smaller batches, may not be. */
export class OutOfMemory extends Error {
  override readonly name = 'OutOfMemory';

  constructor(what: string) {
    super(`${what}: choose a smaller batch`);
  }
}

/**
 * Makes planned buffers.
 *
 * @throws {OutOfMemory} if the device has no room for them; then none is left
 */
export async function createBuffers(
  device: GPUDevice,
  planned: readonly BufferPlan[],
): Promise<Map<BufferPlan, GPUBuffer>> {
  device.pushErrorScope('out-of-memory');
  const buffers = new Map(planned.map((buffer) => [buffer, createBuffer(device, buffer)]));
  if (!(await device.popErrorScope())) return buffers;
  const bytes = [...buffers.values()].reduce((sum, { size }) => sum + size, 0);
  for (const buffer of buffers.values()) buffer.destroy();
  // Only then has the device given the memory back.
  await device.queue.onSubmittedWorkDone();
  throw new OutOfMemory(`the GPU's memory has no room for ${mebibytes(bytes)}`);
}

export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** Makes a planned buffer, for all networks. */
function createBuffer(device: GPUDevice, buffer: BufferPlan): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const size = (networksOf(buffer) - 1) * strideOf(buffer) + Math.ceil(buffer.bytes / 16) * 16;
  return device.createBuffer({ label: buffer.label, size, usage });
}

/** Uniforms and tables of words of all calls in one buffer, at WebGPU's offsets; in order of the calls. */
export function parameterBuffer(device: GPUDevice, calls: readonly KernelCall[]): GPUBuffer {
  const bytes = calls.reduce((sum, { parameters, words }) => sum + alignedBytes(parameters) + alignedBytes(words), 0);
  const words = new Uint32Array(bytes / 4);
  let start = 0;
  for (const call of calls) {
    words.set(call.parameters, start / 4);
    words.set(stridesOf(call), start / 4);
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

export function dispatchOf(
  device: GPUDevice,
  { nodes, call }: LoweredCall,
  pipelines: ReadonlyMap<string, GPUComputePipeline>,
  buffers: ReadonlyMap<BufferPlan, GPUBuffer>,
  parameters: GPUBuffer,
): Dispatch {
  const { label, workgroups } = call;
  const pipeline = pipelines.get(call.code)!;
  const layout = pipeline.getBindGroupLayout(0);
  const offset = parameterOffsets.get(call)!;
  const parametersOf = (network: number): GPUBindGroupEntry[] => {
    if (call.parameters.length === 0) return [];
    const before = 4 * call.parameterStride * network;
    const size = Math.ceil(call.parameters.length / 4) * 16 - before;
    return [{ binding: 0, resource: { buffer: parameters, offset: offset + before, size } }];
  };
  const words: GPUBindGroupEntry[] = [];
  if (call.words.length > 0) {
    const resource = {
      buffer: parameters,
      offset: offset + alignedBytes(call.parameters),
      size: 4 * call.words.length,
    };
    words.push({ binding: call.bindings.length + 1, resource });
  }
  const bindGroups = Array.from({ length: networksOf(call.bindings[0]!.buffer) }, (_, network) => {
    const own = call.bindings.map(({ buffer }, index) => ({
      binding: index + 1,
      resource: bindingOf(buffer, network, buffers),
    }));
    return device.createBindGroup({ label, layout, entries: [...own, ...parametersOf(network), ...words] });
  });
  return { nodes, label, pipeline, bindGroups, workgroups, ms: 0 };
}

/** A buffer, or a part of one, of this network and of all behind it. */
function bindingOf(part: BufferPlan, network: number, buffers: ReadonlyMap<BufferPlan, GPUBuffer>): GPUBufferBinding {
  const whole = wholeOf(part);
  const offset = network * strideOf(whole) + (part.within?.byteOffset ?? 0);
  const size = (networksOf(part) - 1 - network) * strideOf(whole) + Math.ceil(part.bytes / 16) * 16;
  return { buffer: buffers.get(whole)!, offset, size };
}
