import type { MatrixUnits, Placement } from '../kernel.js';

/** The kernels for the device's matrix units, which has some. */
export function matrixKernels({ matrixUnits }: Placement): MatrixUnits['kernels'] {
  return matrixUnits!.kernels;
}

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

/** Operands that are loaded as float16, to which a product rounds them anyway, eight at a time where channels allow it. */
export function octetsIf<const Name extends string>(
  { matrixUnits }: Placement,
  channels: number,
  names: readonly Name[],
): readonly Name[] {
  return matrixUnits?.precision === 'float16' && channels % 8 === 0 ? names : [];
}
