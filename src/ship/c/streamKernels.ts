/** C functions between streams of codes and integers. */

import type { Codes } from './kernels.js';
import type { Elements } from './plan.js';

/** Reads a code below 2^9, stored in at most 16 bits. */
export const codeAt = `\
static inline uint32_t code_at(const uint8_t *stream, uint32_t bit, uint32_t bits)
{
  const uint8_t *p = stream + (bit >> 3);
  return ((uint32_t)p[0] | (uint32_t)p[1] << 8) >> (bit & 7u) & (((uint32_t)1 << bits) - 1u);
}
`;

/** The integer of a code, in a network without powers of two. */
export const integerOf = `\
static inline int32_t integer_of(uint32_t code, const struct coding *c)
{
  return (int32_t)code - c->zero;
}
`;

/** The integer of a code, or the power of two of one with a sign bit. */
export const integerOrPowerOf = `\
static inline int32_t integer_of(uint32_t code, const struct coding *c)
{
  const uint32_t sign = c->zero;
  if (!c->powers) return (int32_t)code - c->zero;
  if (sign == 0u) return code == 0u ? 0 : (int32_t)((uint32_t)1 << (code - 1u));
  const int32_t power = (int32_t)((uint32_t)1 << (code & (sign - 1u)));
  return (code & sign) != 0u ? -power : power;
}
`;

/** Reads 32 bits from any byte, little-endian. */
export const wordAt = `\
static inline uint32_t word_at(const uint8_t *p)
{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
`;

/** Reads several codes at once, for vectors only. */
export const codesAt = `\
#if defined(__ARM_FEATURE_MVE)
/* Codes side by side, 32 bits at most. */
static inline uint32_t codes_at(const uint8_t *stream, uint32_t bit, uint32_t bits)
{
  const uint8_t *p = stream + (bit >> 3);
  const uint32_t at = bit & 7u, codes = word_at(p) >> at;
  return at + bits > 32u ? codes | (uint32_t)p[4] << (32u - at) : codes;
}
#endif
`;

/** Writes several codes at once. */
export const put = `\
/* Codes side by side, 1 to 32 bits, to their place in a stream. */
static inline void put(uint8_t *stream, uint32_t bit, uint32_t codes, uint32_t bits)
{
  uint8_t *p = stream + (bit >> 3);
  const uint32_t at = bit & 7u;
  uint32_t mask = 0xFFFFFFFFu >> (32u - bits);
  codes &= mask;
  if (at != 0u) {
    *p = (uint8_t)((*p & ~(mask << at)) | codes << at);
    p++;
    codes >>= 8u - at;
    mask >>= 8u - at;
  }
  for (; mask >= 255u; mask >>= 8, codes >>= 8) *p++ = (uint8_t)codes;
  if (mask != 0u) *p = (uint8_t)((*p & ~mask) | codes);
}
`;

const pairOf = (codes: string) =>
  `    *(pair *)(void *)out = __ssub16((int16x2_t)(${codes} & masks), zeros);\n    out += step;\n`;

const unpackVectors = `\
#if defined(__ARM_FEATURE_MVE)
static void unpack_eights_narrow(const uint8_t *p, struct coding c, int32_t count, int16_t *out, int32_t step)
{
  const uint16x8_t bit = vmulq_n_u16(vidupq_n_u16(0, 1), c.bits), at = vshrq_n_u16(bit, 3);
  const uint16x8_t next = vminq_u16(vaddq_n_u16(at, 1), vdupq_n_u16((uint16_t)(c.bits - 1u)));
  const int16x8_t down = vnegq_s16(vreinterpretq_s16_u16(vandq_u16(bit, vdupq_n_u16(7))));
  const uint16x8_t zero = vdupq_n_u16(c.zero), mask = vdupq_n_u16((uint16_t)((1u << c.bits) - 1u));
  for (; count > 0; count -= 8, p += c.bits, out += step) {
    const uint16x8_t upper = vshlq_n_u16(vldrbq_gather_offset_u16(p, next), 8);
    const uint16x8_t codes = vandq_u16(vshlq_u16(vorrq_u16(vldrbq_gather_offset_u16(p, at), upper), down), mask);
    vstrhq_s16(out, vreinterpretq_s16_u16(vsubq_u16(codes, zero)));
  }
}
#elif defined(__ARM_FEATURE_SIMD32)
static void unpack_eights_narrow(const uint8_t *p, struct coding c, int32_t count, int16_t *out, int32_t step)
{
  const uint32_t bits = c.bits, masks = ((1u << bits) - 1u) * 0x10001u;
  const int16x2_t zeros = (int16x2_t)(c.zero * 0x10001u);
  for (; count > 0; count -= 8, p += bits) {
    uint32_t low = word_at(p), high = word_at(p + bits / 2u) >> 4u * (bits & 1u);
    uint32_t codes = (low & 0xFFFFu) | high << 16;
${pairOf('codes')}\
    codes >>= bits;
${pairOf('codes')}\
    codes = (low >> 2u * bits & 0xFFFFu) | high >> 2u * bits << 16;
${pairOf('codes')}\
    codes >>= bits;
${pairOf('codes')}\
  }
}
#else
`;

/** Unpacks streams to elements; the vector code does not support powers of two. */
export function unpackEights(elements: Elements, type: string, { powers }: Codes): string {
  const vectors = elements === 'narrow' && !powers;
  const [place, group] = placesOf(elements);
  return `\
/* Codes of eight bits at most, a multiple of eight, which begin with a byte, to elements. */
${vectors ? unpackVectors : ''}\
static void unpack_eights_${elements}(const uint8_t *p, struct coding c, int32_t count, ${type} *out, int32_t step)
{
  const uint32_t bits = c.bits, odd = 4u * (bits & 1u), mask = ((uint32_t)1 << bits) - 1u;
  for (; count > 0; count -= 8, p += bits, out += ${group}(step)) {
    uint32_t low = word_at(p), high = word_at(p + bits / 2u) >> odd;
    for (int32_t i = 0; i < 4; i++, low >>= bits, high >>= bits) {
      out[${place}(i, step)] = (${type})integer_of(low & mask, &c);
      out[${place}(i + 4, step)] = (${type})integer_of(high & mask, &c);
    }
  }
}
${vectors ? '#endif\n' : ''}`;
}

/** Unpacks a stream that begins with any bit. */
export function unpack(elements: Elements, type: string): string {
  const [place, group] = placesOf(elements);
  return `\
/* Codes to elements, zeros behind them up to a multiple of eight. */
static void unpack_${elements}(const uint8_t *stream, uint32_t first, const struct coding *c, int32_t count, ${type} *out,
                       int32_t step)
{
  uint32_t bit = first * c->bits;
  if ((bit & 7u) == 0u && c->bits <= 8u) {
    const int32_t eights = count & ~7;
    unpack_eights_${elements}(stream + (bit >> 3), *c, eights, out, step);
    bit += (uint32_t)eights * c->bits;
    out += eights / 8 * ${group}(step);
    count -= eights;
  }
  for (; count > 0; count -= 8, out += ${group}(step))
    for (int32_t i = 0; i < 8; i++, bit += c->bits)
      out[${place}(i, step)] = i < count ? (${type})integer_of(code_at(stream, bit, c->bits), c) : 0;
}
`;
}

/** Macros for the positions of eight elements, and for the distance to the next eight. */
export function placesOf(elements: Elements): readonly [place: string, group: string] {
  return elements === 'narrow' ? ['PLACE', 'GROUP'] : ['PAIR_PLACE', 'PAIR_GROUP'];
}
