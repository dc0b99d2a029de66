/** Agreement of seeds on the bits of a network's tensors. */

export interface Agreement {
  /** Number of tensors with the same bits for every seed. */
  readonly alike: number;
  readonly tensors: number;
  /** Standard deviation over the seeds (n − 1), as the root of its mean square over the tensors. */
  readonly deviation: number;
}

/** `bits`: by seed, then by tensor. `null` for fewer than two seeds, or without bits. */
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
