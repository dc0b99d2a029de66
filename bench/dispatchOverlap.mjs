/**
 * Do dispatches of one pass overlap? Each is one workgroup that is busy for some microseconds and writes to a buffer of its
 * own. Dawn puts a barrier before a dispatch whose buffers have been used before, none where they are new.
 *
 *   node bench/dispatchOverlap.mjs
 */
import { create, globals } from 'webgpu';
import { median } from '../dist/median.js';
import { passTime } from './passTime.mjs';

const DISPATCHES = 16;
const LOOPS = 20_000;

Object.assign(globalThis, globals);
// A new buffer would be cleared first, which is a use.
const features = ['disable-dawn-features=lazy_clear_resource_on_first_use,timestamp_quantization'];
// Kept, since Dawn's devices do not outlive it.
const gpu = create(features);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
if (!adapter) throw new Error('no GPU found');
const device = await adapter.requestDevice({ requiredFeatures: ['timestamp-query'] });
const code = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var v = f32(id.x) * 0.001;
  for (var i = 0u; i < ${LOOPS}u; i++) { v = fma(v, 0.999, 0.001); }
  y[id.x] = v;
}`;
const module = device.createShaderModule({ code });
const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });

/** Bind groups of new buffers. */
function bindGroups(count) {
  return Array.from({ length: count }, () => {
    const buffer = device.createBuffer({ size: 4 * 64 * DISPATCHES, usage: GPUBufferUsage.STORAGE });
    return device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    });
  });
}

/** Microseconds of a pass with a dispatch for each bind group. */
async function timeOf(groups, workgroups = 1) {
  const nanoseconds = await passTime(device, (pass) => {
    pass.setPipeline(pipeline);
    for (const group of groups) {
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(workgroups);
    }
  });
  return nanoseconds / 1000;
}

// An idle GPU has a low clock at first.
for (let i = 0; i < 40; i++) await timeOf(bindGroups(1), DISPATCHES);
const times = { one: [], fresh: [], again: [], together: [] };
for (let round = 0; round < 9; round++) {
  const groups = bindGroups(DISPATCHES);
  times.one.push(await timeOf(bindGroups(1)));
  times.fresh.push(await timeOf(groups));
  times.again.push(await timeOf(groups));
  times.together.push(await timeOf(bindGroups(1), DISPATCHES));
}
const of = (name) => `${median(times[name]).toFixed(1)} µs`;
console.log(`${adapter.info.description || adapter.info.device}: a dispatch of one workgroup ${of('one')}`);
console.log(`${DISPATCHES} of them on new buffers ${of('fresh')}, on the same buffers again ${of('again')}`);
console.log(`one dispatch of ${DISPATCHES} workgroups ${of('together')}`);
device.destroy();
