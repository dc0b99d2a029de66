import type { MatrixUnits, Placement } from '../kernel.js';

/** A kernel for the device's matrix units, which has some: source and directives. */
export function onMatrixUnits<K extends 'matrixTileProduct' | 'rowTileProduct' | 'rowTileGradient'>(
  { matrixUnits }: Placement,
  kernel: K,
  product: Parameters<MatrixUnits['kernels'][K]>[0],
): [body: string, header: string] {
  const { kernels } = matrixUnits!;
  const source = kernels[kernel] as (of: typeof product, units: MatrixUnits) => string;
  return [source(product, matrixUnits!), kernels.matrixDirectives];
}
