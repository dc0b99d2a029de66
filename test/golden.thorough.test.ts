/**
 * The golden training steps of ResNet-20 on the reference engine, for which float64 takes its time, and on the GPU engine,
 * for which SwiftShader does. Every run of the suite has them on the CPU engine, the golden files of quantizers and
 * penalties on all engines, and whole steps of other networks on the reference and the GPU engine, held against each
 * other: what only these steps would find is one fault that two engines share and the CPU engine does not.
 */

import { describe, expect, it } from 'vitest';
import { createGpuEngine } from '../src/engine/gpu/index.js';
import { createReferenceEngine } from '../src/engine/reference/index.js';
import { reportLine } from '../src/golden/index.js';
import { check, folderOf, unchanged } from './goldenFolder.js';
import { skipsGpu } from './softwareGpu.js';

const engines = {
  reference: async () => createReferenceEngine(),
  GPU: () => createGpuEngine({ allowSoftware: true, matmulPrecision: 'float32' }),
} as const;

describe('golden training steps', () => {
  it.for(['reference', 'GPU'] as const)('agree with the %s engine', async (name, context) => {
    if (name === 'GPU' && skipsGpu) return context.skip();
    const { reports, counts } = await check(await engines[name](), folderOf({ 'resnet20_step.json': unchanged }));
    expect(reports.filter(({ passed }) => !passed).map(reportLine)).toEqual([]);
    expect(counts).toEqual({ passed: 1, failed: 0 });
    // The generator's numbers, and of four networks the start, the first step, and three steps by each solver.
    expect(reports[0]?.cases).toBeGreaterThan(16);
  });
});
