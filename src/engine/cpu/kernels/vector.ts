/**
 * Rows of numbers in vectors of four. If the length of a row is no multiple of four, its last vector is read and
 * written partly, with zeros in the other lanes, so that every kernel has one body for whole vectors and tails.
 */

/** The first `count` of four floats; whole vectors take `v128.load`. */
@inline
export function loadPart(address: usize, count: i32): v128 {
  if (count >= 4) return v128.load(address);
  let v = v128.load32_zero(address);
  if (count > 1) v = v128.load_lane<u32>(address, v, 1, 4);
  if (count > 2) v = v128.load_lane<u32>(address, v, 2, 8);
  return v;
}

@inline
export function storePart(address: usize, v: v128, count: i32): void {
  if (count >= 4) {
    v128.store(address, v);
    return;
  }
  v128.store_lane<u32>(address, v, 0);
  if (count > 1) v128.store_lane<u32>(address, v, 1, 4);
  if (count > 2) v128.store_lane<u32>(address, v, 2, 8);
}

/** The sum of the four lanes. */
@inline
export function laneSum(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** Adds the four floats of `v` to those in memory. */
@inline
export function accumulate(address: usize, v: v128): void {
  v128.store(address, f32x4.add(v128.load(address), v));
}

/** Bytes of a row of `count` floats, rounded up to whole vectors. */
@inline
export function paddedBytes(count: i32): usize {
  return ((<usize>count + 3) & ~3) << 2;
}

/** Four floats `stride` bytes apart. */
@inline
export function gather(p: usize, stride: usize): v128 {
  if (stride == 4) return v128.load(p);
  let values = v128.load32_zero(p);
  values = v128.load32_lane(p + stride, values, 1);
  values = v128.load32_lane(p + stride * 2, values, 2);
  return v128.load32_lane(p + stride * 3, values, 3);
}

/** Stores four floats, plus those at a distance from the target if `adds`. */
@inline
export function storeSum(target: usize, v: v128, distance: usize, adds: bool): void {
  v128.store(target, adds ? f32x4.add(v, v128.load(target + distance)) : v);
}
