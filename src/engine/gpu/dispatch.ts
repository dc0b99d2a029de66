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

/** Makes a planned buffer, for all networks. */
export function createBuffer(device: GPUDevice, buffer: BufferPlan): GPUBuffer {
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
  const shared: GPUBindGroupEntry[] = [];
  if (call.parameters.length > 0) {
    const size = Math.ceil(call.parameters.length / 4) * 16;
    shared.push({ binding: 0, resource: { buffer: parameters, offset, size } });
  }
  if (call.words.length > 0) {
    const resource = {
      buffer: parameters,
      offset: offset + alignedBytes(call.parameters),
      size: 4 * call.words.length,
    };
    shared.push({ binding: call.bindings.length + 1, resource });
  }
  const bindGroups = Array.from({ length: networksOf(call.bindings[0]!.buffer) }, (_, network) => {
    const own = call.bindings.map(({ buffer }, index) => ({
      binding: index + 1,
      resource: bindingOf(buffer, network, buffers),
    }));
    return device.createBindGroup({ label, layout, entries: [...own, ...shared] });
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
