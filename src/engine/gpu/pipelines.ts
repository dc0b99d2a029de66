/**
 * Compute pipelines by source text, made all at once, since drivers compile on several threads. A device keeps its
 * compiled pipelines, so the next plan with the same kernels loads at once.
 */

import type { KernelCall } from './kernel.js';

const known = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

/** A device's compiled pipelines by source text, which grow. */
export function knownPipelines(device: GPUDevice): Map<string, GPUComputePipeline> {
  const pipelines = known.get(device) ?? new Map<string, GPUComputePipeline>();
  known.set(device, pipelines);
  return pipelines;
}

export interface CompiledPipelines {
  readonly pipelines: ReadonlyMap<string, GPUComputePipeline>;
  /** Errors of the kernels that the device cannot make. */
  readonly faults: readonly Error[];
}

export async function compilePipelines(
  device: GPUDevice,
  calls: readonly KernelCall[],
  onProgress?: (done: number, total: number) => void,
): Promise<CompiledPipelines> {
  const pipelines = knownPipelines(device);
  const labels = new Map(calls.filter(({ code }) => !pipelines.has(code)).map(({ code, label }) => [code, label]));
  // Errors of sources come back with their pipelines; the scope keeps them from counting as errors of the device.
  device.pushErrorScope('validation');
  const modules = [...labels].map(([code, label]) => ({
    code,
    label,
    module: device.createShaderModule({ label, code }),
  }));
  await device.popErrorScope();
  const faults: Error[] = [];
  let done = 0;
  await Promise.all(
    modules.map(async ({ code, label, module }) => {
      try {
        pipelines.set(code, await device.createComputePipelineAsync({ label, layout: 'auto', compute: { module } }));
      } catch (error) {
        const { messages } = await module.getCompilationInfo();
        const fault = messages.find(({ type }) => type === 'error');
        const reason = fault ? `line ${fault.lineNum}: ${fault.message}` : (error as Error).message;
        faults.push(new Error(`the GPU cannot compile kernel ${label}: ${reason}`));
      }
      done++;
      onProgress?.(done, labels.size);
    }),
  );
  return { pipelines, faults };
}
