/** How far seeds agree about the bits of a network's tensors. */

export interface Agreement {
  /** Tensors that have the same bits with every seed. */
  readonly alike: number;
  readonly tensors: number;
  /** Standard deviation over the seeds (n − 1), the root of its mean square over the tensors. */
  readonly deviation: number;
}

/** `bits`: by seed, then by tensor. `null` of fewer than two seeds, or of none that has bits. */
export function agreement(bits: readonly (readonly number[])[]): Agreement | null {
  const [first, ...others] = bits;
  if (!first || first.length === 0 || others.length === 0) return null;
  const variances = first.map((_, tensor) => {
    const values = bits.map((each) => each[tensor]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  });
  return {
    alike: variances.filter((variance) => variance === 0).length,
    tensors: variances.length,
    deviation: Math.sqrt(variances.reduce((sum, variance) => sum + variance, 0) / variances.length),
  };
}
