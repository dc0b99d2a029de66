/** Times of a phase's dispatches by the device's clock. */

import type { Dispatch } from './dispatch.js';

/** Most dispatches timed by one query set, which has two timestamps for each. */
const perQuerySet = 2048;

/** Runs the dispatches of a network in order and adds to each its time; the device needs the feature `timestamp-query`. */
export async function timeDispatches(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  network: number,
): Promise<void> {
  for (let start = 0; start < dispatches.length; start += perQuerySet) {
    await timeSome(device, dispatches.slice(start, start + perQuerySet), network);
  }
}

/** Each dispatch has its own pass, since timestamps are at the ends of passes. */
async function timeSome(device: GPUDevice, dispatches: readonly Dispatch[], network: number): Promise<void> {
  const count = 2 * dispatches.length;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer({
    size: 8 * count,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({ size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  dispatches.forEach(({ pipeline, bindGroups, workgroups }, index) => {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroups[network]!);
    pass.dispatchWorkgroups(...workgroups);
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const stamps = new BigInt64Array(staging.getMappedRange());
  dispatches.forEach((dispatch, index) => {
    dispatch.ms += Number(stamps[2 * index + 1]! - stamps[2 * index]!) / 1e6;
  });
  for (const resource of [querySet, resolved, staging]) resource.destroy();
}
