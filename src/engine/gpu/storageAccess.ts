/** Copies between the host and the storages of a program, which may have several networks. */

import type { Storage } from '../../graph/tensor.js';
import type { StorageArray } from '../engine.js';

/** A storage of a network in a buffer. */
export interface StoragePlace {
  readonly storage: Storage;
  readonly buffer: GPUBuffer;
  /** Its first byte in the buffer. */
  readonly begin: number;
}

const arrays = { float: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;

/** Writes numbers from element `offset` on. */
export function writeStorage(
  device: GPUDevice,
  { storage: { name, dtype, length }, buffer, begin }: StoragePlace,
  data: ArrayLike<number>,
  offset: number,
): void {
  const end = offset + data.length;
  if (end > length) throw new Error(`${data.length} numbers at ${offset} exceed storage ${name} of ${length}`);
  const values = data instanceof arrays[dtype] ? data : arrays[dtype].from(data);
  if (dtype !== 'uint8') {
    device.queue.writeBuffer(buffer, begin + 4 * offset, values as Float32Array<ArrayBuffer>);
    return;
  }
  if (offset % 4 !== 0 || (end % 4 !== 0 && end !== length)) {
    throw new Error(`bytes of storage ${name} can be written from ${offset} to ${end} only in multiples of 4`);
  }
  const whole = values.length - (values.length % 4);
  device.queue.writeBuffer(buffer, begin + offset, values as Uint8Array<ArrayBuffer>, 0, whole);
  if (whole === values.length) return;
  const rest = new Uint8Array(4);
  rest.set(values.subarray(whole) as Uint8Array);
  device.queue.writeBuffer(buffer, begin + offset + whole, rest);
}

/** Copies `length` elements from `offset` on. */
export async function readStorage(
  device: GPUDevice,
  { storage: { dtype }, buffer, begin }: StoragePlace,
  offset: number,
  length: number,
): Promise<StorageArray> {
  const size = arrays[dtype].BYTES_PER_ELEMENT;
  const start = Math.floor((offset * size) / 4) * 4;
  const end = Math.ceil(((offset + length) * size) / 4) * 4;
  if (end === start) return new arrays[dtype](0);
  const staging = device.createBuffer({ size: end - start, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, begin + start, staging, 0, end - start);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const first = offset * size - start;
  const bytes = staging.getMappedRange().slice(first, first + length * size);
  staging.destroy();
  return new arrays[dtype](bytes);
}
