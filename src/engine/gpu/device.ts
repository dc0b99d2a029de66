/** Chooses an adapter, opens a device with the largest limits, and notices when it fails. */

import { DeviceLost, InputError } from '../../errors.js';

export interface DeviceOptions {
  /** The source of adapters: a browser's WebGPU, or Dawn in Node. */
  readonly gpu: GPU;
  /** True to accept a software adapter (SwiftShader, llvmpipe), for tests, as it is slower than the CPU engine. */
  readonly allowSoftware?: boolean;
  /** Optional features that are required. */
  readonly needs?: readonly string[];
}

export interface OpenDevice {
  /** Kept because Dawn's devices do not outlive it. */
  readonly gpu: GPU;
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
  readonly description: string;
  /** True if it computes on the CPU. */
  readonly isSoftware: boolean;
  /** Throws the device's error, if there is one. */
  check(): void;
  /** Awaits work on the device; the device's error, if there is one by then, replaces the result. */
  explain<T>(work: Promise<T>): Promise<T>;
  dispose(): void;
}

/** Optional features that the engine uses. */
export const usefulFeatures: readonly string[] = [
  'timestamp-query',
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
];

/** Limits to raise as far as the adapter allows: sizes of a buffer and of a binding. */
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
 * @throws {InputError} if there is none, or only one that computes on the CPU and that is not allowed.
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
        // A lost device rejects pending work just before it reports the reason.
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
