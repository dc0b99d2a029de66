/** Choosing an adapter, opening a device on it with all the room it has, and noticing when it fails. */

import { DeviceLost, InputError } from '../../errors.js';

export interface DeviceOptions {
  /** Where adapters come from: the browser's, or Dawn's in Node. */
  readonly gpu: GPU;
  /** True where a software adapter (SwiftShader, llvmpipe) will do: for tests, as it is slower than the CPU engine. */
  readonly allowSoftware?: boolean;
  /** Optional features without which the device is of no use. */
  readonly needs?: readonly string[];
}

export interface OpenDevice {
  /** Kept because Dawn's devices do not outlive it. */
  readonly gpu: GPU;
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
  readonly description: string;
  /** True where it computes on the CPU. */
  readonly isSoftware: boolean;
  /** Throws the device's fault, if it has one. */
  check(): void;
  /** Waits for what the device does; its fault, if it has one by then, replaces the result. */
  explain<T>(work: Promise<T>): Promise<T>;
  dispose(): void;
}

/** Optional features the engine knows how to use. */
export const usefulFeatures: readonly string[] = [
  'timestamp-query',
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
];

/** Limits to raise as far as the adapter goes: how much one buffer, and one binding, can hold. */
const limits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** Tells whether an adapter computes on the CPU. */
export function isSoftware({ vendor, architecture, description, device, isFallbackAdapter }: GPUAdapterInfo): boolean {
  const names = `${vendor} ${architecture} ${description} ${device}`;
  return isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|softpipe|\bcpu\b|basic render/i.test(names);
}

export function adapterName({ description, device, vendor }: GPUAdapterInfo): string {
  return description || device || vendor || 'unknown adapter';
}

/**
 * Opens the fastest adapter.
 *
 * @throws {InputError} if there is none, or only one that computes on the CPU and that will not do.
 */
export async function openDevice({ gpu, allowSoftware = false, needs = [] }: DeviceOptions): Promise<OpenDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new InputError('no GPU found: WebGPU offers no adapter here; use device = cpu');
  const { info } = adapter;
  const name = adapterName(info);
  if (isSoftware(info) && !allowSoftware) {
    throw new InputError(`no GPU found: ${name} computes on the CPU; use --device cpu, which is faster`);
  }
  const lacking = needs.find((feature) => !adapter.features.has(feature));
  if (lacking) throw new InputError(`the GPU ${name} lacks ${lacking}, which this needs`);
  const device = await adapter.requestDevice({
    requiredFeatures: usefulFeatures.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(limits.map((limit) => [limit, adapter.limits[limit]])),
  });
  return watch(gpu, device, info, name);
}

function watch(gpu: GPU, device: GPUDevice, info: GPUAdapterInfo, description: string): OpenDevice {
  let fault: Error | null = null;
  let disposed = false;
  const fail = (error: Error) => {
    fault ??= error;
  };
  const check = () => {
    if (fault) throw fault;
  };
  device.addEventListener('uncapturederror', (event) => {
    fail(new Error(`the GPU refused a command: ${event.error.message.split('\n')[0]}`));
  });
  device.lost.then(({ message }) => {
    if (!disposed) fail(new DeviceLost(`the GPU was lost (${message.split('\n')[0] || 'no reason given'})`));
  });
  return {
    gpu,
    device,
    info,
    description,
    isSoftware: isSoftware(info),
    check,
    explain: async (work) => {
      try {
        return await work;
      } catch (error) {
        // A lost device rejects what is under way just before it says why.
        await new Promise((resolve) => setTimeout(resolve));
        check();
        throw error;
      } finally {
        check();
      }
    },
    dispose: () => {
      disposed = true;
      device.destroy();
    },
  };
}
