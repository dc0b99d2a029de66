/** Hundreds of steps on SwiftShader leave no buffer, no bind group and no memory behind. */

import { expect, it } from 'vitest';
import { skipsGpu } from '../../../test/softwareGpu.js';
import { Graph } from '../../graph/index.js';
import { makePlan } from '../../passes/index.js';
import { openDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';
import { availableGpu } from './nodeGpu.js';

const length = 65_536;

/** A plan with a transient tensor, a storage that steps add to and one that the host writes. */
function accumulation() {
  const graph = new Graph();
  const storage = (name: string) => graph.whole({ name, dtype: 'float', length });
  const [x, total] = [storage('x'), storage('total')];
  const doubled = graph.tensor('doubled', [length]);
  graph.append('add', { a: x, b: x }, { y: doubled }, {});
  graph.append('add', { a: total, b: doubled }, { y: total }, {});
  return makePlan({ step: graph });
}

it.skipIf(skipsGpu)('keeps buffers, bind groups and memory flat over 600 steps', async () => {
  const open = await openDevice({ gpu: await availableGpu(), allowSoftware: true });
  const { device } = open;
  let liveBuffers = 0;
  let bindGroups = 0;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    liveBuffers++;
    buffer.destroy = () => {
      liveBuffers--;
      return destroy();
    };
    return buffer;
  };
  const createBindGroup = device.createBindGroup.bind(device);
  device.createBindGroup = (descriptor) => {
    bindGroups++;
    return createBindGroup(descriptor);
  };
  const program = await loadProgram(open, accumulation());
  const ones = new Float32Array(length).fill(1);
  const steps = async (count: number) => {
    for (let step = 1; step <= count; step++) {
      program.write('x', ones);
      await program.run('step');
      if (step % 10 === 0) await program.read('total');
    }
  };
  await steps(200);
  const before = { liveBuffers, bindGroups, rss: process.memoryUsage.rss() };
  expect(before.liveBuffers).toBeGreaterThan(0);
  await steps(400);
  expect({ liveBuffers, bindGroups }).toEqual({ liveBuffers: before.liveBuffers, bindGroups: before.bindGroups });
  // One buffer left behind at every step would be 100 MiB, at every read 10 MiB.
  expect(process.memoryUsage.rss() - before.rss).toBeLessThan(64 * 2 ** 20);
  expect((await program.read('total'))[0]).toBe(1200);
  await program.dispose();
  expect(liveBuffers).toBe(0);
  open.dispose();
});
