/** Copies of parts that travel rounded to bfloat16: kernels round what is read and widen what is written. */

import type { StoragePart } from '../engine.js';
import { linearDispatch, workgroupSize } from './kernel.js';
import { knownPipelines } from './pipelines.js';
import type { PartCopies } from './staging.js';
import type { StoragePlace } from './storageAccess.js';

/** A kernel over the words of a range, on the bits of numbers, which no rule for floats then changes on the way. */
const kernel = (body: string): string => `@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
struct Range { first: u32, length: u32, firstWord: u32 }
@group(0) @binding(2) var<uniform> range: Range;
fn rounded(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0x7fc0u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${workgroupSize}u + id.x;
  if (2u * i >= range.length) { return; }
  let isPair = 2u * i + 1u < range.length;
  let at = range.first + 2u * i;
  ${body}
}
`;

/** The rounding of `program/bfloat16.ts`. */
const round = kernel(`var word = rounded(numbers[at]);
  if (isPair) { word |= rounded(numbers[at + 1u]) << 16u; }
  words[range.firstWord + i] = word;`);

const widen = kernel(`let word = words[range.firstWord + i];
  numbers[at] = word << 16u;
  if (isPair) { numbers[at + 1u] = word & 0xffff0000u; }`);

export function roundedCopies(
  device: GPUDevice,
  { ranges }: StoragePart,
  placeOf: (storage: string) => StoragePlace,
): PartCopies {
  let end = 0;
  const places = ranges.map(({ storage, offset, length }) => {
    const firstWord = end;
    end += Math.ceil(length / 2);
    const { buffer, begin } = placeOf(storage);
    return { buffer, length, range: uniform(device, [begin / 4 + offset, length, firstWord]) };
  });
  const bytes = 4 * end;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const words = device.createBuffer({ label: 'rounded', size: bytes, usage });
  const dispatchesOf = (code: string): ((encoder: GPUCommandEncoder) => void) => {
    const pipeline = pipelineOf(device, code);
    const groups = places.map(({ buffer: numbers, range }) => {
      const entries = [numbers, words, range].map((buffer, binding) => ({ binding, resource: { buffer } }));
      return device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    });
    return (encoder) => {
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      for (const [at, { length }] of places.entries()) {
        pass.setBindGroup(0, groups[at]!);
        pass.dispatchWorkgroups(...linearDispatch(Math.ceil(length / 2)));
      }
      pass.end();
    };
  };
  const [rounding, widening] = [dispatchesOf(round), dispatchesOf(widen)];
  return {
    bytes,
    prepare: rounding,
    read: (encoder, staging) => encoder.copyBufferToBuffer(words, 0, staging, 0, bytes),
    write: (encoder, staging) => encoder.copyBufferToBuffer(staging, 0, words, 0, bytes),
    finish: widening,
    dispose: () => {
      for (const buffer of [words, ...places.map(({ range }) => range)]) buffer.destroy();
    },
  };
}

function uniform(device: GPUDevice, values: readonly number[]): GPUBuffer {
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM, mappedAtCreation: true });
  new Uint32Array(buffer.getMappedRange()).set(values);
  buffer.unmap();
  return buffer;
}

function pipelineOf(device: GPUDevice, code: string): GPUComputePipeline {
  const pipelines = knownPipelines(device);
  const pipeline =
    pipelines.get(code) ??
    device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
  pipelines.set(code, pipeline);
  return pipeline;
}
