/** The two floating-point formats of 16 bits; every value of theirs is one of float32. */

/** float32 values of IEEE 754 binary16, little-endian: a sign, 5 bits of exponent (bias 15), 10 of fraction. */
export function fromFloat16(bytes: Uint8Array): Float32Array {
  return fromWords(bytes, (word) => {
    const sign = word & 0x8000 ? -1 : 1;
    const exponent = (word >> 10) & 31;
    const fraction = word & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

/** float32 values of bfloat16, little-endian: the upper half of a float32. */
export function fromBfloat16(bytes: Uint8Array): Float32Array {
  const float = new DataView(new ArrayBuffer(4));
  return fromWords(bytes, (word) => {
    float.setUint32(0, word * 65536);
    return float.getFloat32(0);
  });
}

function fromWords(bytes: Uint8Array, value: (word: number) => number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => value(view.getUint16(2 * index, true)));
}
