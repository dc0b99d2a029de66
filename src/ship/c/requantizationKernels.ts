/** C functions from sums and the addend to codes, a row of a channel at once. */

import { channelsTogether } from './plan.js';

export const addendOf = `\
static inline int32_t addend_of(const struct layer *l, int32_t channel, const struct coding *c, uint32_t code)
{
  (void)l;
  (void)channel;
  return integer_of(code, c);
}
`;

export const addendOrNoneOf = `\
static inline int32_t addend_of(const struct layer *l, int32_t channel, const struct coding *c, uint32_t code)
{
  return channel < l->addend.channels ? integer_of(code, c) : 0;
}
`;

export function requantizeNarrow(multipliers: string): string {
  return `\
/* A row of a channel. The sum is moved up by 2^31 before its shift, and the bounds accordingly. */
static void requantize_narrow(const struct layer *l, int32_t channel, const int32_t *sums, uint8_t *codes)
{
  const uint32_t multiplier = (uint32_t)((const ${multipliers} *)l->multipliers)[channel];
  const uint32_t bias = (uint32_t)((const int32_t *)l->biases)[channel] + 0x80000000u;
  const uint32_t shift = l->shifts[channel], addend_shift = l->addend_shift, output_shift = l->output_shift;
  const uint32_t origin = (0x80000000u >> shift) >> output_shift;
  const int32_t least = l->lo, most = l->hi;
  const uint32_t lo = origin + (uint32_t)least, hi = origin + (uint32_t)most;
  const struct coding addends = l->addend.coding;
  const int32_t channels = l->channels;
  for (int32_t x = l->width; x > 0; x--, sums += ${channelsTogether}, codes += channels) {
    const uint32_t addend = (uint32_t)addend_of(l, channel, &addends, *codes) << addend_shift;
    uint32_t code = (((multiplier * (uint32_t)*sums + bias) >> shift) + addend) >> output_shift;
    if (code < lo) code = lo;
    if (code > hi) code = hi;
    *codes = (uint8_t)(code - origin);
  }
}
`;
}

/** Σ M·a + b in 64 bits, moved up by `raise`, in C. */
function wideSum(type: string, raise: string): string {
  return `\
    ${type} sum = ${raise};
    for (int32_t i = 0; i < l->product_count; i++)
      sum += (${type})((int64_t)multipliers[i * l->channels] * sums[(uint32_t)i * l->sums]);
`;
}

export const requantizeWide = `\
/* A row of a channel, in 64 bits, for one product or the sum of two. */
static void requantize_wide(const struct layer *l, int32_t channel, const int32_t *sums, uint8_t *codes)
{
  const uint64_t half = (uint64_t)1 << 63;
  const int32_t *multipliers = (const int32_t *)l->multipliers + channel;
  const uint64_t bias = (uint64_t)((const int64_t *)l->biases)[channel] + half;
  const uint32_t shift = l->shifts[channel], addend_shift = l->addend_shift, output_shift = l->output_shift;
  const uint64_t origin = (half >> shift) >> output_shift;
  const int64_t least = l->lo, most = l->hi;
  const uint64_t lo = origin + (uint64_t)least, hi = origin + (uint64_t)most;
  const struct coding addends = l->addend.coding;
  const int32_t channels = l->channels;
  for (int32_t x = l->width; x > 0; x--, sums += ${channelsTogether}, codes += channels) {
${wideSum('uint64_t', 'bias')}\
    const uint64_t addend = (uint64_t)addend_of(l, channel, &addends, *codes) << addend_shift;
    uint64_t code = ((sum >> shift) + addend) >> output_shift;
    if (code < lo) code = lo;
    if (code > hi) code = hi;
    *codes = (uint8_t)(code - origin);
  }
}
`;

export const requantizePowers = `\
/* The code of the power of two that belongs to the last threshold which the sum reaches. */
static void requantize_powers(const struct layer *l, int32_t channel, const int32_t *sums, uint8_t *codes)
{
  const int32_t *multipliers = (const int32_t *)l->multipliers + channel;
  const int64_t bias = ((const int64_t *)l->biases)[channel];
  const int64_t unit = (int64_t)((uint64_t)1 << (l->addend_shift + l->shifts[channel]));
  const int32_t negative = l->lo < 0 ? (l->threshold_count + 1) / 2 : 0, sign = 1 << (l->bits - 1);
  const struct coding addends = l->addend.coding;
  const int32_t channels = l->channels;
  for (int32_t x = l->width; x > 0; x--, sums += ${channelsTogether}, codes += channels) {
${wideSum('int64_t', 'bias + addend_of(l, channel, &addends, *codes) * unit')}\
    int32_t code = 0;
    while (code < l->threshold_count && sum >= l->thresholds[code]) code++;
    *codes = (uint8_t)(code < negative ? sign | (negative - 1 - code) : code - negative);
  }
}
`;
