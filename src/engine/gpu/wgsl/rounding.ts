/**
 * Rounding, powers of two and limits in WGSL, exact in float32: by the bits of the number, since `log2`, `exp2` and `/`
 * of a GPU may be several ulp off, and start values of quantizers are exact powers of two.
 */

/** WGSL that tells whether a float is NaN, by its bits: compilers may take floats for numbers. */
export function isNan(value: string): string {
  return `(bitcast<u32>(${value}) & 0x7fffffffu) > 0x7f800000u`;
}

export const rounding = /* wgsl */ `
// By the largest number below 1/2, of v's sign: v plus that reaches the next whole number from exactly halfway on.
fn roundHalfAway(v: f32) -> f32 {
  return trunc(v + bitcast<f32>((bitcast<u32>(v) & 0x80000000u) | 0x3effffffu));
}

// 2^k; 0 below the normal numbers, the largest power of two above them.
fn powerOfTwo(k: i32) -> f32 {
  return bitcast<f32>(select(u32(min(k, 127) + 127) << 23u, 0u, k < -126));
}

// floor(log2 v) for positive normal v.
fn exponentOf(v: f32) -> i32 {
  return i32((bitcast<u32>(v) >> 23u) & 255u) - 127;
}

// 2^round(log2 v) for v >= 0: up from the first float above sqrt(2) on, whose fraction is 0x3504f4.
fn nearestPowerOfTwo(v: f32) -> f32 {
  let bits = bitcast<u32>(v);
  if (bits >= 0x7f800000u) { return v; }
  if (bits < 0x00800000u) { return 0.0; }
  let exponent = min((bits >> 23u) + select(0u, 1u, (bits & 0x7fffffu) >= 0x3504f4u), 254u);
  return bitcast<f32>(exponent << 23u);
}

// 1 / v for a power of two, exactly; otherwise nearly.
fn inverse(v: f32) -> f32 {
  let bits = bitcast<u32>(v);
  let exponent = bits >> 23u;
  return select(1.0 / v, bitcast<f32>((254u - exponent) << 23u), (bits & 0x7fffffu) == 0u && exponent - 1u < 253u);
}

fn isNotFinite(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7f800000u) == 0x7f800000u;
}

fn limit(v: f32, low: f32, high: f32) -> f32 {
  return min(max(v, low), high);
}

fn inside(v: f32, low: f32, high: f32) -> f32 {
  return select(0.0, 1.0, v > low && v < high);
}
`;
