/** The adapters that WebGPU offers on this machine, for `mpdnn devices`. */

import { adapterName, isSoftware, usefulFeatures } from './device.js';
import { availableGpu } from './nodeGpu.js';

export interface AdapterSummary {
  readonly name: string;
  /** True if it computes on the CPU. */
  readonly isSoftware: boolean;
  /** Its optional features that the engine uses. */
  readonly features: readonly string[];
}

/** All adapters that WebGPU can be asked for, each once; the first is the one that the engine opens. */
export async function listAdapters(): Promise<readonly AdapterSummary[]> {
  const gpu = await availableGpu();
  const requests: readonly GPURequestAdapterOptions[] = [
    { powerPreference: 'high-performance' },
    { powerPreference: 'low-power' },
    { forceFallbackAdapter: true },
  ];
  const byName = new Map<string, AdapterSummary>();
  for (const request of requests) {
    const adapter = await gpu.requestAdapter(request);
    if (!adapter || byName.has(adapterName(adapter.info))) continue;
    const name = adapterName(adapter.info);
    const features = usefulFeatures.filter((feature) => adapter.features.has(feature));
    byName.set(name, { name, isSoftware: isSoftware(adapter.info), features });
  }
  return [...byName.values()];
}
