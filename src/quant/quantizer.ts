/**
 * A quantizer as data: one row of the table of all quantizers of a network.
 *
 * Its two learned numbers `[p0, p1]` are kept apart from the row, in a table of numbers. The row is the static
 * description: parametrization (`kinds/` has a file for each), sign, number of elements, limits. A parametrization
 * learns two of the three quantities that describe a quantizer. For uniform quantizers these are bitwidth b, step size
 * d and dynamic range q_max (`xmax`), related by q_max = (2^(b-1) - 1) d when signed and (2^b - 1) d when not:
 *
 * | paper | learned  | kind                        |
 * | ----- | -------- | --------------------------- |
 * | U1    | b, d     | `parametric_fp_d_b`         |
 * | U2    | b, q_max | `parametric_fp_b_xmax`      |
 * | U3    | d, q_max | `parametric_fp_d_xmax`      |
 *
 * For powers of two the third quantity is the smallest magnitude q_min (`xmin`):
 *
 * | paper | learned      | kind                        |
 * | ----- | ------------ | --------------------------- |
 * | P1    | b, q_min     | `parametric_pow2_b_xmin`    |
 * | P2    | b, q_max     | `parametric_pow2_b_xmax`    |
 * | P3    | q_min, q_max | `parametric_pow2_xmin_xmax` |
 *
 * `fp` and `pow2` learn nothing; `parametric_fp` and `parametric_pow2` are older forms that learn b and the exponent m
 * of the range, 2^m.
 *
 * Source: S. Uhlich et al., "Mixed Precision DNNs: All you need is a good parametrization", arXiv 1905.11452.
 */

/** The published kinds. */
export type PublishedKind =
  | 'fp'
  | 'parametric_fp'
  | 'parametric_fp_d_xmax'
  | 'parametric_fp_b_xmax'
  | 'parametric_fp_d_b'
  | 'pow2'
  | 'parametric_pow2'
  | 'parametric_pow2_xmin_xmax'
  | 'parametric_pow2_b_xmax'
  | 'parametric_pow2_b_xmin';

/**
 * The name of a published or added parametrization (see `kinds/`). It does not tell the sign: the ending `_relu` in
 * .cfg files means `signed: false`.
 */
export type QuantizerKind = PublishedKind | (string & {});

/** The element-wise functions; kernels know only these four. */
export type QuantizerCore = 'uniform' | 'pow2' | 'fixedUniform' | 'fixedPow2';

/** Learned values: bitwidth n, exponent of the range m, step size d, smallest and largest magnitude. */
export type ParameterName = 'n' | 'm' | 'd' | 'xmin' | 'xmax';

/**
 * Source of an activation: `rectified`, a ReLU, which an unsigned quantizer replaces; or, with a signed quantizer,
 * `linear`, a layer without a ReLU, or `input`, the images.
 */
export type ActivationSource = 'rectified' | 'linear' | 'input';

/** Limits of a number, both included. */
export interface Interval {
  readonly min: number;
  readonly max: number;
}

/** The static description of a quantizer. */
export interface Quantizer {
  /** Prefix of the names of its parameters, for example `conv1/quantized_conv/Wquant`. */
  readonly name: string;
  readonly role: 'weight' | 'bias' | 'activation';
  readonly kind: QuantizerKind;
  /**
   * Unsigned quantizers replace the ReLU; an unsigned power-of-two quantizer has zero among its levels. Weights and
   * activations without a ReLU are signed.
   */
  readonly signed: boolean;
  /** Number of quantized elements; for activations, of one image. */
  readonly count: number;
  /** Number of elements of each of the tensors that share it; their sum is `count`. */
  readonly counts?: readonly number[];
  /** Configured bits: the width of a fixed kind, the start of a learned one. */
  readonly bitwidth: number;
  /** Limits to which the forward pass clamps the parameters. */
  readonly bounds: Readonly<Record<ParameterName, Interval>>;
  /** Limits of xmin in size accounting and projection, which the published code has apart from `bounds.xmin`. */
  readonly accountingXmin: Interval;
  /** Constants of fixed kinds, (n, delta) or (n, m); null for learned kinds. */
  readonly fixed: readonly [number, number] | null;
  /**
   * Only for `parametric_fp_b_xmax`: clips at the n-bit range of the rounded step instead of at xmax, so that n bits
   * can number every level. Off by default, as published.
   */
  readonly recomputeRange?: boolean;
}

/** Limits of m without effect: the exponents of normal float32 numbers. */
export const wideLimitsOfM: Interval = { min: -126, max: 127 };
