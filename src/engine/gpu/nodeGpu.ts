/** WebGPU for Node: Dawn through the `webgpu` package. The only file of the engine that a browser must not load. */

/**
 * Dawn's switches. The first two give access to f16 and tensor cores on NVIDIA; without bounds checks, which browsers
 * insist on, tiled products are up to three times faster; workgroup memory is always written before it is read.
 */
const dawnFeatures = [
  'allow_unsafe_apis',
  'vulkan_enable_f16_on_nvidia',
  'disable_robustness',
  'disable_workgroup_init',
];

/** @param backend Dawn's name of a backend, `null` for the one that only checks; by default the system's own */
export async function nodeGpu(backend?: string): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return create([`enable-dawn-features=${dawnFeatures.join(',')}`, ...(backend ? [`backend=${backend}`] : [])]);
}
