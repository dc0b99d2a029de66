/** C functions between streams of codes and integers. */

import type { Codes } from './kernels.js';

export const codeAt = `\
static uint32_t code_at(const uint8_t *stream, uint32_t bit, uint32_t bits)
{
  const uint8_t *p = stream + (bit >> 3);
  uint32_t code = (uint32_t)*p >> (bit & 7u);
  for (uint32_t have = 8u - (bit & 7u); have < bits; have += 8u) code |= (uint32_t)*++p << have;
  return code & ((1u << bits) - 1u);
}
`;

export const integerOf = `\
static inline int32_t integer_of(uint32_t code, const struct coding *c)
{
  const uint32_t half = c->half;
  return (int32_t)(code ^ half) - (int32_t)half;
}
`;

export const integerOrPowerOf = `\
static inline int32_t integer_of(uint32_t code, const struct coding *c)
{
  const uint32_t half = c->half;
  if (!c->powers) return (int32_t)(code ^ half) - (int32_t)half;
  if (half == 0u) return code == 0u ? 0 : (int32_t)(1u << (code - 1u));
  const int32_t power = (int32_t)(1u << (code & (half - 1u)));
  return (code & half) != 0u ? -power : power;
}
`;

export const put = `\
static inline void put(struct writer *w, uint32_t code, uint32_t bits)
{
  w->buffer |= code << w->have;
  w->have += bits;
  while (w->have >= 8u) {
    *w->at++ = (uint8_t)w->buffer;
    w->buffer >>= 8;
    w->have -= 8u;
  }
}
`;

export const flush = `\
static void flush(struct writer *w)
{
  if (w->have > 0u) *w->at = (uint8_t)w->buffer;
}
`;

export const unpackTwoBits = `\
/* Codes of two bits, a multiple of 8, as elements of a filter. */
#if defined(__ARM_FEATURE_MVE)
static inline void unpack_two_bits(const uint8_t *p, int32_t count, int16_t *out)
{
  static const int16_t to_the_top[8] = {14, 12, 10, 8, 6, 4, 2, 0};
  const int16x8_t shifts = vldrhq_s16(to_the_top);
  for (; count > 0; count -= 8, p += 2, out += AT(8, LANES)) {
    const int16x8_t codes = vdupq_n_s16((int16_t)(p[0] | p[1] << 8));
    vstrhq_s16(out, vshrq_n_s16(vshlq_s16(codes, shifts), 14));
  }
}
#else
static inline void unpack_two_bits(const uint8_t *p, int32_t count, int16_t *out)
{
  static const int16_t pairs[16][2] = {
    {0, 0}, {1, 0}, {-2, 0}, {-1, 0}, {0, 1}, {1, 1}, {-2, 1}, {-1, 1},
    {0, -2}, {1, -2}, {-2, -2}, {-1, -2}, {0, -1}, {1, -1}, {-2, -1}, {-1, -1},
  };
  for (; count > 0; count -= 8, p += 2, out += AT(8, LANES)) {
    const uint32_t low = p[0], high = p[1];
    memcpy(out, pairs[low & 15u], sizeof pairs[0]);
    memcpy(out + AT(2, LANES), pairs[low >> 4], sizeof pairs[0]);
    memcpy(out + AT(4, LANES), pairs[high & 15u], sizeof pairs[0]);
    memcpy(out + AT(6, LANES), pairs[high >> 4], sizeof pairs[0]);
  }
}
#endif
`;

export function pack(fourBits: boolean): string {
  const four = `\
  if (bits == 4u && w->have == 0u) {
    uint8_t *at = w->at;
    for (; count >= 2; count -= 2, out += 2) {
      *at++ = (uint8_t)((out[0] & 15) | (out[1] << 4));
      out[0] = out[1] = 0;
    }
    w->at = at;
  }
`;
  return `\
/* Codes of a band to memory; leaves zeros, as load_addend and layers without addend find them. */
static void pack(struct writer *to, uint8_t *out, int32_t count, uint32_t bits)
{
  struct writer copy = *to, *w = &copy;
  const uint32_t mask = (1u << bits) - 1u;
${fourBits ? four : ''}\
  for (; count > 0; count--) {
    put(w, *out & mask, bits);
    *out++ = 0;
  }
  *to = copy;
}
`;
}

export function unpack(name: string, type: string, { powers, ones, fourBits }: Codes): string {
  const onlyOnes = `\
  if (bits == 0u) {
    for (int32_t i = 0; i < count; i++) out[i] = 1;
    return;
  }
`;
  const four = `\
  if ((bit & 7u) == 0u && bits == 4u${powers ? ' && !c->powers' : ''}) {
    const uint32_t half = c->half;
    for (; count >= 2; count -= 2, out += 2) {
      const uint32_t code = *p++;
      out[0] = (${type})((int32_t)((code & 15u) ^ half) - (int32_t)half);
      out[1] = (${type})((int32_t)((code >> 4) ^ half) - (int32_t)half);
    }
  }
`;
  return `\
static void unpack_${name}(const uint8_t *stream, uint32_t first, const struct coding *c, int32_t count, ${type} *out)
{
  const uint32_t bits = c->bits, bit = first * bits, mask = (1u << bits) - 1u;
  const uint8_t *p = stream + (bit >> 3);
  uint32_t buffer = 0, have = 0;
${ones ? onlyOnes : ''}${fourBits ? four : ''}\
  if ((bit & 7u) != 0u) {
    buffer = (uint32_t)*p++ >> (bit & 7u);
    have = 8u - (bit & 7u);
  }
  for (int32_t i = 0; i < count; i++) {
    for (; have < bits; have += 8u) buffer |= (uint32_t)*p++ << have;
    out[i] = (${type})integer_of(buffer & mask, c);
    buffer >>= bits;
    have -= bits;
  }
}
`;
}
