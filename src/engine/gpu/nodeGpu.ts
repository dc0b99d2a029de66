/** WebGPU for Node: Dawn in the `webgpu` package, which is optional and loaded on demand. */

import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadOptional } from '../../disk/optionalPackage.js';
import type { IdleHost } from './staging.js';

/**
 * Dawn's switches. The first two give access to f16 and tensor cores on NVIDIA. Without bounds checks, which browsers
 * insist on, tiled products are up to three times faster. Workgroup memory is always written before it is read.
 */
const dawnFeatures = [
  'allow_unsafe_apis',
  'vulkan_enable_f16_on_nvidia',
  'disable_robustness',
  'disable_workgroup_init',
];

/** The WebGPU of this process: that of the runtime if there is one, else Dawn's. */
export async function availableGpu(): Promise<GPU> {
  return (globalThis.navigator as Partial<Navigator> | undefined)?.gpu ?? nodeGpu();
}

/** @param backend Dawn's name of a backend, `null` for the null backend; by default the system's own */
export async function nodeGpu(backend?: string): Promise<GPU> {
  // Drivers warn on stderr if it is missing, although nothing is displayed.
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  const { create, globals } = await loadOptional('webgpu', 'GPUs need it; or use --device cpu', () => import('webgpu'));
  Object.assign(globalThis, globals);
  return create([
    `enable-dawn-features=${dawnFeatures.join(',')}`,
    // Kernels take microseconds; with the quantized timestamps of browsers most would take 0 or 65.
    'disable-dawn-features=timestamp_quantization',
    ...(backend ? [`backend=${backend}`] : []),
  ]);
}

const never = new Int32Array(new SharedArrayBuffer(4));

let collectGarbage: GarbageCollector | undefined;

/**
 * Node while the device computes. It collects what has become garbage lately, and rests, for some 0.1 ms each. Dawn asks
 * the device in each turn of the event loop, by a function that is garbage afterwards: without a rest it asks a hundred
 * times a millisecond, and each step waits for the garbage collector.
 */
export const idleHost: IdleHost = {
  collect: () => {
    collectGarbage ??= garbageCollector();
    collectGarbage({ type: 'minor' });
  },
  rest: () => void Atomics.wait(never, 0, 0, 0.05),
};

type GarbageCollector = (options: { readonly type: 'minor' }) => void;

/** V8's own function, which only contexts have that are made while a flag is set; without one, what does nothing. */
function garbageCollector(): GarbageCollector {
  if (globalThis.gc) return globalThis.gc;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('globalThis.gc') as GarbageCollector | undefined;
  // The user's own contexts and workers stay as they are.
  setFlagsFromString('--no-expose-gc');
  return collect ?? (() => {});
}

/** Device files of GPUs on Linux: NVIDIA's driver, all of Mesa's, Windows' GPUs in WSL. */
const gpuFile = /^(nvidia\d+|renderD\d+|dxg)$/;

/** Tells whether there may be a hardware adapter; loads no driver. */
export function mayHaveGpu(): boolean {
  return (globalThis.navigator as Partial<Navigator> | undefined)?.gpu !== undefined || hasGpuFiles();
}

/** Tells whether Linux has device files of a GPU; other systems always have one. */
export function hasGpuFiles(): boolean {
  if (process.platform !== 'linux') return true;
  return ['/dev', '/dev/dri'].some(
    (folder) => existsSync(folder) && readdirSync(folder).some((file) => gpuFile.test(file)),
  );
}

/** Folders of Vulkan's manifests, one for each driver. */
const driverFolders = ['/etc', '/usr/local/etc', '/usr/local/share', '/usr/share'].map((at) => `${at}/vulkan/icd.d`);

/**
 * Tells whether there may be an adapter of any kind, also one that computes on the CPU; loads no driver. Where there is
 * none, Dawn only warns on stderr.
 */
export function mayHaveAdapter(): boolean {
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  return (
    mayHaveGpu() ||
    named !== undefined ||
    driverFolders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0)
  );
}
