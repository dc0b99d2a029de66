/** Times a compute pass by the clock of a GPU, whose device has the feature `timestamp-query`. */

/**
 * Nanoseconds of a pass.
 *
 * @param {GPUDevice} device
 * @param {(pass: GPUComputePassEncoder) => void} fill sets pipelines and bind groups, and dispatches
 */
export async function passTime(device, fill) {
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  const staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  const pass = encoder.beginComputePass({ timestampWrites });
  fill(pass);
  pass.end();
  encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const [begin, end] = new BigInt64Array(staging.getMappedRange());
  for (const each of [querySet, resolved, staging]) each.destroy();
  return Number(end - begin);
}
