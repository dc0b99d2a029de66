/**
 * C functions that turn the sums of a row, four channels at once, and the addend into codes in the same place, and
 * store these.
 */

import type { Codes } from './kernels.js';
import { channelsTogether } from './plan.js';

/** Stores the codes of a row of four channels. */
export const store = `\
static void store(const struct layer *l, int32_t channel, int32_t y, const int32_t *codes)
{
  const uint32_t bits = l->coding.bits, apart = bits * l->channels;
  const uint32_t together = bits * (uint32_t)(l->channels - channel < ${channelsTogether} ? l->channels - channel : ${channelsTogether});
  uint32_t to = (uint32_t)(y * l->width) * apart + (uint32_t)channel * bits;
  for (int32_t x = l->width; x > 0; x--, codes += ${channelsTogether}, to += apart) {
    const uint32_t low = (uint32_t)codes[0] | (uint32_t)codes[1] << bits;
    const uint32_t high = (uint32_t)codes[2] | (uint32_t)codes[3] << bits;
    put(arena + l->output, to, low | high << 2u * bits, together);
  }
}
`;

const parameters = 'const struct layer *l, int32_t channel, int32_t y, int32_t *sums';

/** The position of the addend's codes of a row, from `channel`. */
const addendRow = `\
  const struct view v = l->addend;
  const uint8_t *stream = arena + v.offset;
  const uint32_t addend_bits = v.coding.bits, apart = addend_bits * v.step * v.channels;
  uint32_t row = (uint32_t)y * v.source_width * apart + (uint32_t)channel * addend_bits;
`;

/**
 * Loops over channels and pixels. `before` prepares a channel; `body` computes `code` from `*at` and `addend`, the
 * addend's code or 0 if it has no such channel; `result` stores it.
 */
function eachSum(before: string, body: string, result = '      *at = (int32_t)code;\n'): string {
  return `\
  for (int32_t i = 0; i < ${channelsTogether} && channel + i < l->channels; i++, row += addend_bits) {
    const int32_t has_addend = channel + i < v.channels;
    uint32_t from = row;
    int32_t *at = sums + i;
${before}\
    for (int32_t x = l->width; x > 0; x--, at += ${channelsTogether}, from += apart) {
      const uint32_t addend = has_addend ? code_at(stream, from, addend_bits) : 0u;
${body}\
${result}\
    }
  }
`;
}

/** Shift, sum with the addend, shift and clip, in unsigned integers: an offset keeps sums from being negative. */
function clipped({ powers }: Codes, channel: string, sum: string): string {
  const addend = powers
    ? '(has_addend && v.coding.powers ? (uint32_t)integer_of(addend, &v.coding) : addend)'
    : 'addend';
  return eachSum(
    `${channel}    const uint32_t shift = l->shifts[channel + i];\n`,
    `\
${sum}\
      uint32_t code = (sum + (${addend} << addend_shift)) >> output_shift;
      code = code < lo ? 0u : code - lo;
      if (code > most) code = most;
`,
  );
}

const bounds =
  '  const uint32_t addend_shift = l->addend_shift, output_shift = l->output_shift, lo = l->lo, most = l->most;\n';

/** Requantizes sums whose products fit 32 bits. */
export function requantizeNarrow(codes: Codes): string {
  const { multipliers, powers } = codes;
  const channels = clipped(
    codes,
    `\
    const uint32_t multiplier = (uint32_t)((const ${multipliers} *)l->multipliers)[channel + i];
    const uint32_t bias = ((const uint32_t *)l->biases)[channel + i];
`,
    '      const uint32_t sum = (multiplier * (uint32_t)*at + bias) >> shift;\n',
  );
  return `\
/* Channels whose sums fit 32 bits. */
static void requantize_narrow(${parameters})
{
${bounds}${addendRow}${powers ? channels : `#if defined(__ARM_FEATURE_MVE)\n${vectors(multipliers)}#else\n${channels}#endif\n`}}
`;
}

/** Four channels of a pixel as a vector. */
function vectors(multipliers: Codes['multipliers']): string {
  const loaded = multipliers === 'int16_t' ? 'vldrhq_z_s32' : 'vldrwq_z_s32';
  return `\
  const mve_pred16_t lanes = vctp32q((uint32_t)(l->channels - channel));
  const int32x4_t multiplier = ${loaded}((const ${multipliers} *)l->multipliers + channel, lanes);
  const uint32x4_t bias = vldrwq_z_u32((const uint32_t *)l->biases + channel, lanes);
  const int32x4_t down = vnegq_s32(vreinterpretq_s32_u32(vldrbq_z_u32(l->shifts + channel, lanes)));
  const int32x4_t right = vnegq_s32(vreinterpretq_s32_u32(vmulq_n_u32(vidupq_n_u32(0, 1), addend_bits)));
  const int32_t addends = v.channels - channel < ${channelsTogether} ? v.channels - channel : ${channelsTogether};
  for (int32_t x = l->width; x > 0; x--, sums += ${channelsTogether}, row += apart) {
    const uint32_t window = addends > 0 ? codes_at(stream, row, (uint32_t)addends * addend_bits) : 0u;
    const uint32x4_t addend = vandq_u32(vshlq_u32(vdupq_n_u32(window), right), vdupq_n_u32((1u << addend_bits) - 1u));
    const uint32x4_t sum = vaddq_u32(vreinterpretq_u32_s32(vmulq_s32(multiplier, vldrwq_s32(sums))), bias);
    const uint32x4_t total = vaddq_u32(vshlq_u32(sum, down), vshlq_r_u32(addend, (int32_t)addend_shift));
    const uint32x4_t code = vqsubq_n_u32(vshlq_r_u32(total, -(int32_t)output_shift), lo);
    vstrwq_s32(sums, vreinterpretq_s32_u32(vminq_u32(code, vdupq_n_u32(most))));
  }
`;
}

/** Requantizes by the upper words of products of 64 bits. */
export function requantizeHigh(codes: Codes): string {
  const channel = `\
    const int32_t multiplier = ((const int32_t *)l->multipliers)[channel + i];
    const uint64_t bias = ((const uint64_t *)l->biases)[channel + i];
`;
  const sum = '      const uint32_t sum = (uint32_t)(((uint64_t)((int64_t)multiplier * *at) + bias) >> 32) >> shift;\n';
  return `\
/* Channels whose multipliers and biases are so large that the upper word of their sums says all. */
static void requantize_high(${parameters})
{
${bounds}${addendRow}${clipped(codes, channel, sum)}}
`;
}

/** Prepares a channel for Σ M·a + b in 64 bits, of one product or two. */
const wideChannel = (type: string) => `\
    const int32_t *multipliers = (const int32_t *)l->multipliers + channel + i;
    const ${type} bias = ((const ${type} *)l->biases)[channel + i];
`;

const wideSum = (type: string, start: string, signed = 'int64_t') => `\
      ${type} total = ${start};
      for (int32_t part = 0; part < l->product_count; part++)
        total += (${type})((${signed})multipliers[part * l->channels] * at[part * SUMS_OF_BAND(l)]);
`;

/** Requantizes one product, or the sum of two, in 64 bits. */
export function requantizeWide(codes: Codes): string {
  return `\
/* Channels of one product or the sum of two, in 64 bits. */
static void requantize_wide(${parameters})
{
${bounds}${addendRow}${clipped(
  codes,
  wideChannel('uint64_t'),
  `${wideSum('uint64_t', 'bias')}      const uint32_t sum = (uint32_t)(total >> shift);\n`,
)}}
`;
}

/** Requantizes by thresholds. */
export const requantizeTable = `\
/* The code behind the last threshold that the sum reaches. */
static void requantize_table(${parameters})
{
  const int64_t unit = (int64_t)((uint64_t)1 << (l->addend_shift + l->shifts[channel]));
${addendRow}${eachSum(
  wideChannel('int64_t'),
  `\
${wideSum('int64_t', 'bias + (has_addend ? integer_of(addend, &v.coding) : 0) * unit')}\
      uint32_t reached = 0, above = l->most;
      while (reached < above) {
        const uint32_t middle = (reached + above) >> 1;
        if (total >= l->thresholds[middle]) reached = middle + 1u;
        else above = middle;
      }
      const uint32_t code = l->codes[reached];
`,
)}}
`;

/** Stores the sums of the last layer. */
export const putLogits = `\
/* Outputs, which are neither shifted nor clipped, to whom they belong. */
static void put_logits(${parameters}, logit *logits)
{
  const logit unit = (logit)1 << l->addend_shift;
${addendRow}${eachSum(
  `${wideChannel('logit')}    logit *to = logits + y * l->width * l->channels + channel + i;\n`,
  wideSum('logit', 'bias + (has_addend ? integer_of(addend, &v.coding) : 0) * unit', 'logit'),
  '      *to = total;\n      to += l->channels;\n',
)}}
`;
