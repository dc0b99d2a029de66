/** Compute pipelines by source text, made all at once: a driver compiles on as many threads as it likes. */

import type { KernelCall } from './kernel.js';

/**
 * @throws {Error} naming the kernel, if the device cannot make one.
 */
export async function compilePipelines(
  device: GPUDevice,
  calls: readonly KernelCall[],
  onProgress?: (done: number, total: number) => void,
): Promise<ReadonlyMap<string, GPUComputePipeline>> {
  const labels = new Map(calls.map(({ code, label }) => [code, label]));
  // Faults of sources come back with their pipelines; the scope keeps them from counting as faults of the device.
  device.pushErrorScope('validation');
  const modules = [...labels].map(([code, label]) => ({
    code,
    label,
    module: device.createShaderModule({ label, code }),
  }));
  await device.popErrorScope();
  let done = 0;
  const pipelines = await Promise.all(
    modules.map(async ({ code, label, module }) => {
      const pipeline = await device
        .createComputePipelineAsync({ label, layout: 'auto', compute: { module } })
        .catch(async (error: Error) => {
          const { messages } = await module.getCompilationInfo();
          const fault = messages.find(({ type }) => type === 'error');
          const reason = fault ? `line ${fault.lineNum}: ${fault.message}` : error.message;
          throw new Error(`the GPU cannot compile kernel ${label}: ${reason}`);
        });
      done++;
      onProgress?.(done, labels.size);
      return [code, pipeline] as const;
    }),
  );
  return new Map(pipelines);
}
