/**
 * The functions of `net.c`. A network gets those that it reaches, in the order in which they stand here; numbers are
 * moved by shifts only where they are not negative, as C leaves the others to the compiler.
 */

import { channelsTogether, type Elements } from './plan.js';

/** The codes that a network has, where fewer make shorter functions. */
export interface Codes {
  /** Powers of two among the tensors that are read. */
  readonly powers: boolean;
  /** Weights of 0 bits, which are all 1. */
  readonly ones: boolean;
  readonly twoBitWeights: boolean;
  readonly fourBits: boolean;
  /** Type of the multipliers of narrow requantizations. */
  readonly multipliers: 'int16_t' | 'int32_t';
}

/** The functions that `text` calls, those that they call, and so on. */
export function functionsOf(text: string, codes: Codes): string {
  const all = kernels(codes);
  const reached = new Set<string>();
  const visit = (source: string) => {
    for (const [name, body] of all) {
      if (reached.has(name) || !new RegExp(`\\b${name}\\b`).test(source)) continue;
      reached.add(name);
      visit(body);
    }
  };
  visit(text);
  return [...all].flatMap(([name, body]) => (reached.has(name) ? [body] : [])).join('\n');
}

function kernels(codes: Codes): ReadonlyMap<string, string> {
  return new Map([
    ['code_at', codeAt],
    ['integer_of', codes.powers ? integerOrPowerOf : integerOf],
    ['put', put],
    ['pack', pack(codes.fourBits)],
    ['flush', flush],
    ['unpack_two_bits', unpackTwoBits],
    ['unpack_codes', unpack('codes', 'uint8_t', { ...codes, ones: false })],
    ...elementKernels('narrow', 'int16_t', codes),
    ...elementKernels('wide', 'int32_t', codes),
    ['addend_of', codes.powers ? addendOrNoneOf : addendOf],
    ['requantize_narrow', requantizeNarrow(codes.multipliers)],
    ['requantize_wide', requantizeWide],
    ['requantize_powers', requantizePowers],
    ['load_addend', loadAddend],
    ['convolve', convolve],
    ['max_pool', maxPool],
    ['sum_pool', sumPool],
  ]);
}

function elementKernels(elements: Elements, type: string, codes: Codes): [string, string][] {
  return [
    [`unpack_${elements}`, unpack(elements, type, codes)],
    [`unpack_pixels_${elements}`, unpackPixels(elements, type)],
    [`unpack_filter_${elements}`, unpackFilter(elements, type, codes)],
    [`load_${elements}`, load(elements, type)],
    [`load_image_${elements}`, loadImage(elements, type)],
    [`dot_${elements}`, elements === 'narrow' ? dotNarrow : dotWide],
    [`dot_row_${elements}`, dotRow(elements, type)],
    [`sum_${elements}`, sum(elements, type)],
    [`sum_depthwise_${elements}`, sumDepthwise(elements, type)],
  ];
}

/** The structures that functions and the constants of layers share. */
export const structures = `\
/* How codes of a stream stand for integers: in two's complement where half, what their sign bit counts, is not 0; or as
 * powers of two: 0 for 0 and k + 1 for 2^k, or k with a sign bit in front. */
struct coding { uint8_t bits, powers; uint16_t half; };

/* A tensor as a layer reads it: every step-th pixel of one in the arena, zeros behind its channels. */
struct view {
  uint32_t offset;
  uint16_t height, width, channels, source_width;
  uint8_t step;
  struct coding coding;
};

struct layer;
struct product;

/* Which rows of its padded input a product has unpacked: all from first, which lies in slot, to the one before next. */
struct window { int32_t first, slot, next; };

typedef void load_row(const struct product *p, int32_t row, int32_t slot, const uint8_t *image);
typedef void sum_band(const struct product *p, const struct window *w, const struct layer *l, int32_t channel,
                      int32_t rows, int32_t *sums);
typedef void requantize(const struct layer *l, int32_t channel, const int32_t *sums, uint8_t *codes);

struct product {
  struct view input;
  load_row *load;
  sum_band *sum;
  const uint8_t *weights;
  uint32_t window, row_length;
  uint16_t channels, depth;
  struct coding coding;
  uint8_t size, stride, padding, slots;
};

struct layer {
  const struct product *products;
  requantize *requantize;
  const void *multipliers, *biases;
  const uint8_t *shifts;
  const int64_t *thresholds;
  struct view addend;
  uint32_t output, sums;
  uint16_t height, width, channels;
  int16_t lo, hi;
  uint8_t product_count, bits, addend_shift, output_shift, threshold_count, band;
};

/* Codes on their way to memory, the lowest bits of a byte first. */
struct writer { uint8_t *at; uint32_t buffer, have; };
`;

/** The vector instructions of processors that have some. */
export const processors = `\
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#define LANES 8
#else
#define LANES 2
#endif
#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

/* Where an element of a filter lies: so many lanes of it, then those of the other three. */
#define AT(i, lanes) ((i) / (lanes) * (4 * (lanes)) + (i) % (lanes))

/* Reordered early, the loads of a dot product need more registers than there are. */
#if defined(__GNUC__) && !defined(__clang__)
#define IN_THIS_ORDER __attribute__((__noinline__, __optimize__("no-schedule-insns", "no-tree-coalesce-vars")))
#else
#define IN_THIS_ORDER
#endif
`;

const codeAt = `\
static uint32_t code_at(const uint8_t *stream, uint32_t bit, uint32_t bits)
{
  const uint8_t *p = stream + (bit >> 3);
  uint32_t code = (uint32_t)*p >> (bit & 7u);
  for (uint32_t have = 8u - (bit & 7u); have < bits; have += 8u) code |= (uint32_t)*++p << have;
  return code & ((1u << bits) - 1u);
}
`;

const integerOf = `\
static inline int32_t integer_of(uint32_t code, const struct coding *c)
{
  const uint32_t half = c->half;
  return (int32_t)(code ^ half) - (int32_t)half;
}
`;

const integerOrPowerOf = `\
static inline int32_t integer_of(uint32_t code, const struct coding *c)
{
  const uint32_t half = c->half;
  if (!c->powers) return (int32_t)(code ^ half) - (int32_t)half;
  if (half == 0u) return code == 0u ? 0 : (int32_t)(1u << (code - 1u));
  const int32_t power = (int32_t)(1u << (code & (half - 1u)));
  return (code & half) != 0u ? -power : power;
}
`;

const put = `\
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

const flush = `\
static void flush(struct writer *w)
{
  if (w->have > 0u) *w->at = (uint8_t)w->buffer;
}
`;

const unpackTwoBits = `\
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

function pack(fourBits: boolean): string {
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

function unpack(name: string, type: string, { powers, ones, fourBits }: Codes): string {
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

/** Lanes of a dot product: so many integers of a filter lie together before those of the next one. */
function lanesOf(elements: Elements): string {
  return elements === 'narrow' ? 'LANES' : '2';
}

function unpackFilter(elements: Elements, type: string, { powers, twoBitWeights }: Codes): string {
  const lanes = lanesOf(elements);
  const at = (index: string) => `AT(${index}, ${lanes})`;
  const two = `\
    if ((bit & 7u) == 0u && bits == 2u${powers ? ' && !c->powers' : ''}) {
      const int32_t count = run & ~7;
      unpack_two_bits(p, count, out + ${at('i')});
      p += count / 4;
      i += count;
    }
`;
  return `\
/* A row of a filter, zeros behind the channels of each pixel, in a place between those of others. */
static void unpack_filter_${elements}(const struct product *p, int32_t row, ${type} *out)
{
  const struct coding *c = &p->coding;
  const uint32_t bits = c->bits, mask = (1u << bits) - 1u;
  const int32_t whole = p->channels == p->depth ? p->size : 1;
  const int32_t run = whole * p->channels, stride = whole * p->depth, end = p->size * p->depth;
  uint32_t bit = (uint32_t)(row * p->size) * p->channels * bits;
  for (int32_t start = 0; start < end; start += stride, bit += (uint32_t)run * bits) {
    const uint8_t *p = stream + (bit >> 3);
    uint32_t buffer = 0, have = 0;
    int32_t i = start;
${twoBitWeights && elements === 'narrow' ? two : ''}\
    if ((bit & 7u) != 0u) {
      buffer = (uint32_t)*p++ >> (bit & 7u);
      have = 8u - (bit & 7u);
    }
    for (; i < start + run; i++) {
      for (; have < bits; have += 8u) buffer |= (uint32_t)*p++ << have;
      out[${at('i')}] = (${type})integer_of(buffer & mask, c);
      buffer >>= bits;
      have -= bits;
    }
    for (; i < start + stride; i++) out[${at('i')}] = 0;
  }
}
`
    .replace('const struct product *p, int32_t row', 'const struct product *product, int32_t row')
    .replaceAll(/\bp->(coding|channels|depth|size)/g, 'product->$1')
    .replace('= stream +', '= product->weights +');
}

function unpackPixels(elements: Elements, type: string): string {
  return `\
/* Pixels of so many channels, step codes apart, each followed by zeros up to its depth. */
static void unpack_pixels_${elements}(const uint8_t *stream, uint32_t first, uint32_t step, const struct coding *c, int32_t pixels,
                                 int32_t channels, int32_t depth, ${type} *out)
{
  if (channels == depth && step == (uint32_t)channels) {
    unpack_${elements}(stream, first, c, pixels * channels, out);
    return;
  }
  for (int32_t x = 0; x < pixels; x++, first += step, out += depth) {
    unpack_${elements}(stream, first, c, channels, out);
    for (int32_t i = channels; i < depth; i++) out[i] = 0;
  }
}
`;
}

/** The beginning of a function that fills a row of the window, zeros at its edges. */
function rowBegin(elements: Elements, type: string): string {
  return `\
  const struct view *v = &p->input;
  const int32_t y = row - p->padding, edge = p->padding * p->depth, inner = v->width * p->depth;
  ${type} *out = window.${elements} + p->window + (uint32_t)slot * p->row_length;
  if (y < 0 || y >= v->height) {
    memset(out, 0, (size_t)(inner + 2 * edge) * sizeof *out);
    return;
  }
  for (int32_t i = 0; i < edge; i++) out[i] = out[edge + inner + i] = 0;
  out += edge;
`;
}

function load(elements: Elements, type: string): string {
  return `\
static void load_${elements}(const struct product *p, int32_t row, int32_t slot, const uint8_t *image)
{
${rowBegin(elements, type)}\
  (void)image;
  unpack_pixels_${elements}(arena + v->offset, (uint32_t)y * v->step * v->source_width * v->channels,
                       (uint32_t)v->step * v->channels, &v->coding, v->width, v->channels, p->depth, out);
}
`;
}

function loadImage(elements: Elements, type: string): string {
  return `\
static void load_image_${elements}(const struct product *p, int32_t row, int32_t slot, const uint8_t *image)
{
${rowBegin(elements, type)}\
  image += y * v->source_width * v->channels;
  for (int32_t x = 0; x < v->width; x++, out += p->depth) {
    for (int32_t i = 0; i < v->channels; i++) out[i] = (${type})(IMAGE_SCALE * *image++ - image_offsets[i]);
    for (int32_t i = v->channels; i < p->depth; i++) out[i] = 0;
  }
}
`;
}

const dotDeclarations = `\
  int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
  if (!is_first) {
    a0 = sums[0];
    a1 = sums[1];
    a2 = sums[2];
    a3 = sums[3];
    b0 = sums[4];
    b1 = sums[5];
    b2 = sums[6];
    b3 = sums[7];
  }
`;

const dotResults = `\
  sums[0] = a0;
  sums[1] = a1;
  sums[2] = a2;
  sums[3] = a3;
  sums[4] = b0;
  sums[5] = b1;
  sums[6] = b2;
  sums[7] = b3;
`;

const dotNarrow = `\
/* Sums of two pixels by four filters, of so many products, a multiple of 8; added to what is there or the first. */
#if defined(__ARM_FEATURE_MVE)
static inline void dot_narrow(const int16_t *x, const int16_t *y, const int16_t *w, int32_t count, int32_t is_first,
                              int32_t *sums)
{
${dotDeclarations}\
  for (; count > 0; count -= 8, x += 8, y += 8, w += 32) {
    const int16x8_t p = vldrhq_s16(x), q = vldrhq_s16(y);
${[0, 1, 2, 3]
  .map(
    (filter) => `\
    const int16x8_t w${filter} = vldrhq_s16(w + ${8 * filter});
    a${filter} = vmladavaq_s16(a${filter}, p, w${filter});
    b${filter} = vmladavaq_s16(b${filter}, q, w${filter});
`,
  )
  .join('')}\
  }
${dotResults}\
}
#elif defined(__ARM_FEATURE_SIMD32)
typedef int16x2_t __attribute__((__may_alias__)) pair;

static inline void dot_narrow(const int16_t *x, const int16_t *y, const int16_t *w, int32_t count, int32_t is_first,
                              int32_t *sums)
{
  const pair *p = (const pair *)(const void *)x, *q = (const pair *)(const void *)y;
  const pair *v = (const pair *)(const void *)w, *end = v + 2 * count;
${dotDeclarations}\
  do {
${[0, 1, 2, 3]
  .map(
    (step) => `\
    {
      const pair s = p[${step}], t = q[${step}];
${[0, 1, 2, 3]
  .map(
    (filter) => `\
      const pair w${filter} = v[${4 * step + filter}];
      a${filter} = __smlad(s, w${filter}, a${filter});
      b${filter} = __smlad(t, w${filter}, b${filter});
`,
  )
  .join('')}\
    }
`,
  )
  .join('')}\
    p += 4;
    q += 4;
    v += 16;
  } while (v != end);
${dotResults}\
}
#else
${dotOf('narrow', 'int16_t')}#endif
`;

const dotWide = `\
/* Sums of two pixels by four filters, of so many products; added to what is there or the first. */
${dotOf('wide', 'int32_t')}`;

/** Two filters after the other two, for processors with few registers. */
function dotOf(elements: Elements, type: string): string {
  return `\
static inline void dot_${elements}(const ${type} *x, const ${type} *y, const ${type} *w, int32_t count, int32_t is_first,
                              int32_t *sums)
{
  for (int32_t half = 0; half < 2; half++, sums += 2, w += 4) {
    int32_t a = is_first ? 0 : sums[0], b = is_first ? 0 : sums[1];
    int32_t c = is_first ? 0 : sums[4], d = is_first ? 0 : sums[5];
    const ${type} *s = x, *t = y, *v = w, *end = x + count;
    for (; s != end; s += 2, t += 2, v += 8)
      for (int32_t i = 0; i < 2; i++) {
        const int32_t p = s[i], q = t[i], even = v[i], odd = v[2 + i];
        a += p * even;
        b += p * odd;
        c += q * even;
        d += q * odd;
      }
    sums[0] = a;
    sums[1] = b;
    sums[4] = c;
    sums[5] = d;
  }
}
`;
}

/** The address of a row of the window, in C. */
function windowRow(elements: Elements): string {
  return `\
      int32_t slot = w->slot + row * p->stride + y;
      if (slot >= p->slots) slot -= p->slots;
      const $T *x = window.${elements} + p->window + (uint32_t)slot * p->row_length;
`;
}

function dotRow(elements: Elements, type: string): string {
  return `\
/* A row of pixels, so many elements apart, two at once; the last one twice if odd. */
static void ${elements === 'narrow' ? 'IN_THIS_ORDER ' : ''}dot_row_${elements}(const ${type} *x, int32_t pixel, const ${type} *w, int32_t count, int32_t width,
                                         int32_t is_first, int32_t *sums)
{
  for (; width > 0; width -= 2, x += 2 * pixel, sums += 2 * ${channelsTogether})
    dot_${elements}(x, width > 1 ? x + pixel : x, w, count, is_first, sums);
}
`;
}

function sum(elements: Elements, type: string): string {
  return `\
/* The sums of a band, pixel by pixel for four channels; the last channel stands in for those behind it. */
static void sum_${elements}(const struct product *p, const struct window *w, const struct layer *l, int32_t channel, int32_t rows,
                       int32_t *sums)
{
  const int32_t segment = p->size * p->depth;
  for (int32_t y = 0; y < p->size; y++) {
    for (int32_t i = 0; i < ${channelsTogether}; i++) {
      const int32_t filter = channel + i < l->channels ? channel + i : l->channels - 1;
      unpack_filter_${elements}(p, filter * p->size + y, filters.${elements} + i * ${lanesOf(elements)});
    }
    for (int32_t row = 0; row < rows; row++) {
${windowRow(elements).replace('$T', type)}\
      dot_row_${elements}(x, p->stride * p->depth, filters.${elements}, segment, l->width, y == 0, sums + row * SUMS_OF_ROW(l));
    }
  }
}
`;
}

function sumDepthwise(elements: Elements, type: string): string {
  return `\
static void sum_depthwise_${elements}(const struct product *p, const struct window *w, const struct layer *l, int32_t channel,
                                 int32_t rows, int32_t *sums)
{
  for (int32_t i = 0; i < ${channelsTogether} && channel + i < l->channels; i++) {
    for (int32_t y = 0; y < p->size; y++) {
      unpack_${elements}(p->weights, (uint32_t)(((channel + i) * p->size + y) * p->size), &p->coding, p->size, filters.${elements});
      for (int32_t row = 0; row < rows; row++) {
  ${windowRow(elements).replace('$T', type).replaceAll('\n      ', '\n        ').trimEnd()}
        int32_t *to = sums + row * SUMS_OF_ROW(l) + i;
        x += channel + i;
        for (int32_t ox = 0; ox < l->width; ox++, x += p->stride * p->depth, to += ${channelsTogether}) {
          int32_t sum = y == 0 ? 0 : *to;
          for (int32_t k = 0; k < p->size; k++) sum += x[k * p->depth] * filters.${elements}[k];
          *to = sum;
        }
      }
    }
  }
}
`;
}

const addendOf = `\
static inline int32_t addend_of(const struct layer *l, int32_t channel, const struct coding *c, uint32_t code)
{
  (void)l;
  (void)channel;
  return integer_of(code, c);
}
`;

const addendOrNoneOf = `\
static inline int32_t addend_of(const struct layer *l, int32_t channel, const struct coding *c, uint32_t code)
{
  return channel < l->addend.channels ? integer_of(code, c) : 0;
}
`;

function requantizeNarrow(multipliers: string): string {
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

const requantizeWide = `\
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

const requantizePowers = `\
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

const loadAddend = `\
/* The addend's codes of a band, where those of the output will be. */
static void load_addend(const struct layer *l, int32_t y, int32_t rows)
{
  const struct view *v = &l->addend;
  const struct coding plain = {v->coding.bits, 0, 0};
  uint8_t *out = codes;
  for (int32_t row = y; row < y + rows; row++)
    for (int32_t x = 0; x < l->width; x++, out += l->channels) {
      const uint32_t pixel = (uint32_t)(row * v->source_width + x) * v->step;
      unpack_codes(arena + v->offset, pixel * v->channels, &plain, v->channels, out);
    }
}
`;

const convolve = `\
static void convolve(const struct layer *l, const uint8_t *image)
{
  struct writer to = {arena + l->output, 0, 0};
  struct window windows[2] = {{0, 0, 0}, {0, 0, 0}};
  for (int32_t y = 0; y < l->height; y += l->band) {
    const int32_t rows = l->height - y < l->band ? l->height - y : l->band;
    for (int32_t i = 0; i < l->product_count; i++) {
      const struct product *p = l->products + i;
      struct window *w = windows + i;
      const int32_t first = y * p->stride;
      w->slot += first - w->first;
      w->first = first;
      while (w->slot >= p->slots) w->slot -= p->slots;
      if (w->next < first) w->next = first;
      for (; w->next < first + (rows - 1) * p->stride + p->size; w->next++) {
        const int32_t slot = w->slot + w->next - first;
        p->load(p, w->next, slot < p->slots ? slot : slot - p->slots, image);
      }
    }
    if (l->addend.channels > 0) load_addend(l, y, rows);
    for (int32_t channel = 0; channel < l->channels; channel += ${channelsTogether}) {
      for (int32_t i = 0; i < l->product_count; i++)
        l->products[i].sum(l->products + i, windows + i, l, channel, rows, sums + (uint32_t)i * l->sums);
      for (int32_t i = 0; i < ${channelsTogether} && channel + i < l->channels; i++)
        for (int32_t row = 0; row < rows; row++)
          l->requantize(l, channel + i, sums + row * SUMS_OF_ROW(l) + i, codes + row * l->width * l->channels + channel + i);
    }
    pack(&to, codes, rows * l->width * l->channels, l->bits);
  }
  flush(&to);
}
`;

const maxPool = `\
static void max_pool(const struct view *v, uint32_t output, int32_t height, int32_t width, int32_t size, int32_t stride,
                     int32_t padding)
{
  struct writer to = {arena + output, 0, 0};
  for (int32_t y = -padding; y < height * stride - padding; y += stride)
    for (int32_t x = -padding; x < width * stride - padding; x += stride)
      for (int32_t channel = 0; channel < v->channels; channel++) {
        uint32_t best = 0;
        int32_t any = 0;
        for (int32_t iy = y < 0 ? 0 : y; iy < y + size && iy < v->height; iy++)
          for (int32_t ix = x < 0 ? 0 : x; ix < x + size && ix < v->width; ix++) {
            const uint32_t at = (uint32_t)((iy * v->source_width + ix) * v->step * v->channels + channel);
            const uint32_t code = code_at(arena + v->offset, at * v->coding.bits, v->coding.bits);
            if (!any || integer_of(code, &v->coding) > integer_of(best, &v->coding)) best = code;
            any = 1;
          }
        put(&to, best, v->coding.bits);
      }
  flush(&to);
}
`;

const sumPool = `\
static void sum_pool(const struct view *v, uint32_t output)
{
  const uint32_t pixels = (uint32_t)v->height * v->width;
  for (uint32_t channel = 0; channel < v->channels; channel++) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < pixels; i++) {
      const uint32_t bit = (i * v->channels + channel) * v->coding.bits;
      sum += integer_of(code_at(arena + v->offset, bit, v->coding.bits), &v->coding);
    }
    memcpy(arena + output + 4u * channel, &sum, sizeof sum);
  }
}
`;
