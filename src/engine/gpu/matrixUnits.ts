/**
 * Decides whether a device's matrix units can be used: the feature must be there, in the size that the kernels use, and
 * a small convolution with its gradients must agree with the float32 kernels.
 */

import type { MatmulPrecision } from '../../device.js';
import { withoutEffect } from '../matmulPrecision.js';
import type { OpenDevice } from './device.js';
import type { MatrixUnits } from './kernel.js';

/** The adapter's description with the additions of the subgroup-matrix proposal. */
interface MatrixAdapterInfo extends GPUAdapterInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

export interface MatrixUnitsFinding {
  readonly units: MatrixUnits | null;
  /** Words for the engine's description. */
  readonly note: string;
}

export async function findMatrixUnits(open: OpenDevice, asked: MatmulPrecision): Promise<MatrixUnitsFinding> {
  if (asked === 'float32') return { units: null, note: 'float32' };
  const { device, info } = open;
  const none = (reason: string) => ({ units: null, note: `float32${withoutEffect(asked)}, ${reason}` });
  const feature = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;
  if (!device.features.has(feature) || !device.features.has('shader-f16')) return none('no matrix units offered');
  const { subgroupMatrixConfigs = [], subgroupMinSize, subgroupMaxSize } = info as MatrixAdapterInfo;
  const fits = [...subgroupMatrixConfigs].some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === 'f16' && resultComponentType === 'f32' && M === 16 && N === 16 && K === 16,
  );
  if (!fits || subgroupMinSize !== 32 || subgroupMaxSize !== 32) return none('matrix units of another size');
  const workgroupBytes = device.limits.maxComputeWorkgroupStorageSize;
  if (workgroupBytes < 48 * 1024) return none('too little workgroup memory for matrix units');
  const precision = asked === 'auto' ? 'float16' : asked;
  const [kernels, { trialFault }] = await Promise.all([
    import('./kernels/matrixKernels.js'),
    import('./matrixTrial.js'),
  ]);
  const units: MatrixUnits = {
    precision,
    workgroupBytes,
    kernels,
    ...(asked === 'float16' && { roundsResults: true }),
  };
  const fault = await trialFault(open, units).catch((error: Error) => error.message);
  return fault
    ? none(`matrix units fail their check (${fault})`)
    : { units, note: `matrix units, ${precision}${units.roundsResults ? ', results too' : ''}` };
}
