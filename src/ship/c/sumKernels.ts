/**
 * C functions for the sums of products: unpacking rows of the input into the window, unpacking filters, dot products.
 */

import type { Codes } from './kernels.js';
import { channelsTogether, type Elements } from './plan.js';
import { placesOf } from './streamKernels.js';

/** The element of a channel of a pixel. */
function placeOf(elements: Elements, channel: string): string {
  return `(${channel} & ~7) + ${placesOf(elements)[0]}(${channel} & 7, ${lanesOf(elements)})`;
}

/** Lanes of a dot product: so many integers of a filter are contiguous before those of the next one. */
function lanesOf(elements: Elements): string {
  return elements === 'narrow' ? 'LANES' : '2';
}

/** Unpacks the pixels of a row, or the taps of a filter. */
export function unpackPixels(elements: Elements, type: string): string {
  return `\
/* Pixels of so many channels, apart codes from one to the next, each followed by zeros up to its depth. */
static void unpack_pixels_${elements}(const uint8_t *stream, uint32_t first, uint32_t apart, const struct coding *c,
                                 int32_t pixels, int32_t channels, int32_t depth, ${type} *out, int32_t step)
{
  if (channels == depth && apart == (uint32_t)channels) {
    channels *= pixels;
    pixels = 1;
  }
  for (; pixels > 0; pixels--, first += apart, out += depth / ${lanesOf(elements)} * step)
    unpack_${elements}(stream, first, c, channels, out, step);
}
`;
}

/** The beginning of a function that fills a row of the window, with zeros at its edges. */
function rowBegin(elements: Elements, type: string): string {
  return `\
  const struct view *v = &p->input;
  const int32_t y = row - p->rows.before, left = p->columns.before * p->depth, right = p->after * p->depth;
  ${type} *out = window.${elements} + p->window + (uint32_t)(slot * ROW_LENGTH(p));
  if (y < 0 || y >= v->height) {
    memset(out, 0, (size_t)ROW_LENGTH(p) * sizeof *out);
    return;
  }
  memset(out, 0, (size_t)left * sizeof *out);
  memset(out + ROW_LENGTH(p) - right, 0, (size_t)right * sizeof *out);
  out += left;
`;
}

/** Loads a row of a stored tensor into the window. */
export function load(elements: Elements, type: string): string {
  return `\
static void load_${elements}(const struct product *p, int32_t row, int32_t slot, const uint8_t *image)
{
${rowBegin(elements, type)}\
  (void)image;
  unpack_pixels_${elements}(arena + v->offset, (uint32_t)y * v->step * v->source_width * v->channels,
                       (uint32_t)v->step * v->channels, &v->coding, v->width, v->channels, p->depth, out, ${lanesOf(elements)});
}
`;
}

/** Loads a row of the image into the window. */
export function loadImage(elements: Elements, type: string): string {
  return `\
static void load_image_${elements}(const struct product *p, int32_t row, int32_t slot, const uint8_t *image)
{
${rowBegin(elements, type)}\
  image += y * v->source_width * v->channels;
  for (int32_t x = 0; x < v->width; x++, out += p->depth)
    for (int32_t i = 0; i < p->depth; i++)
      out[${placeOf(elements, 'i')}] = i < v->channels ? (${type})(IMAGE_SCALE * (int32_t)*image++ - image_offsets[i]) : 0;
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

/** Products of elements of 16 bits, with the vector instructions of Cortex-M where there are some. */
export const dotNarrow = `\
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

/** Products of elements of 32 bits. */
export const dotWide = `\
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

/** The place of a row in the ring of rows that is the window. */
export function windowRow(elements: Elements, type: string): string {
  return `\
/* A row of the window, counted from the first that a band needs. */
static inline const ${type} *window_row_${elements}(const struct product *p, const struct window *w, int32_t row)
{
  const int32_t slot = w->slot + row < p->slots ? w->slot + row : w->slot + row - p->slots;
  return window.${elements} + p->window + (uint32_t)(slot * ROW_LENGTH(p));
}
`;
}

/** Products of all pixels of a row. */
export function dotRow(elements: Elements, type: string): string {
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

/** Sums of four channels of a product over a band of rows. */
export function sum(elements: Elements, type: string, { dilated }: Codes): string {
  const lanes = lanesOf(elements);
  const [to, step] = [`filters.${elements} + i * ${lanes}`, `${channelsTogether} * ${lanes}`];
  const near = `\
      unpack_pixels_${elements}(p->weights, first, p->channels, &p->coding, p->columns.size, p->channels, p->depth,
                           ${to}, ${step});
`;
  const apart = `\
      for (int32_t k = 0; k < p->columns.size; k++)
        unpack_pixels_${elements}(p->weights, first + (uint32_t)(k * p->channels), p->channels, &p->coding, 1, p->channels,
                             p->depth, ${to} + k * p->columns.apart * p->depth * ${channelsTogether}, ${step});
`;
  return `\
/* The sums of a band, pixel by pixel for four channels; the last channel stands in for those behind it. */
static void sum_${elements}(const struct product *p, const struct window *w, const struct layer *l, int32_t channel, int32_t rows,
                       int32_t *sums)
{
  const int32_t segment = ${dilated ? '((p->columns.size - 1) * p->columns.apart + 1)' : 'p->columns.size'} * p->depth;
${dilated ? '  memset(&filters, 0, sizeof filters);\n' : ''}\
  for (int32_t y = 0; y < p->rows.size; y++) {
    for (int32_t i = 0; i < ${channelsTogether}; i++) {
      const int32_t filter = channel + i < l->channels ? channel + i : l->channels - 1;
      const uint32_t first = (uint32_t)((filter * p->rows.size + y) * p->columns.size) * p->channels;
${dilated ? apart : near}\
    }
    for (int32_t row = 0; row < rows; row++) {
      const ${type} *x = window_row_${elements}(p, w, row * p->rows.stride + y * p->rows.apart);
      dot_row_${elements}(x, p->columns.stride * p->depth, filters.${elements}, segment, l->width, y == 0, sums + row * SUMS_OF_ROW(l));
    }
  }
}
`;
}

/** A weight of a depthwise product. */
export function weightAt({ ones }: Codes): string {
  return `\
static inline int32_t weight_at(const struct product *p, uint32_t index)
{
${ones ? '  if (p->coding.bits == 0u) return 1;\n' : ''}\
  return integer_of(code_at(p->weights, index * p->coding.bits, p->coding.bits), &p->coding);
}
`;
}

/** C that sums each channel by itself. */
export function sumDepthwise(elements: Elements, type: string): string {
  return `\
static void sum_depthwise_${elements}(const struct product *p, const struct window *w, const struct layer *l, int32_t channel,
                                 int32_t rows, int32_t *sums)
{
  const int32_t size = p->columns.size, next = p->columns.apart * p->depth;
  for (int32_t i = 0; i < ${channelsTogether} && channel + i < l->channels; i++) {
    const int32_t place = ${placeOf(elements, '(channel + i)')};
    for (int32_t y = 0; y < p->rows.size; y++) {
      for (int32_t k = 0; k < size; k++)
        filters.${elements}[k] = (${type})weight_at(p, (uint32_t)(((channel + i) * p->rows.size + y) * size + k));
      for (int32_t row = 0; row < rows; row++) {
        const ${type} *x = window_row_${elements}(p, w, row * p->rows.stride + y * p->rows.apart) + place;
        int32_t *to = sums + row * SUMS_OF_ROW(l) + i;
        for (int32_t ox = 0; ox < l->width; ox++, x += p->columns.stride * p->depth, to += ${channelsTogether}) {
          int32_t sum = y == 0 ? 0 : *to;
          for (int32_t k = 0; k < size; k++) sum += (int32_t)x[k * next] * filters.${elements}[k];
          *to = sum;
        }
      }
    }
  }
}
`;
}

/** C that sums each filter over the channels of its group, one after another. */
export function sumGrouped(elements: Elements, type: string): string {
  return `\
static void sum_grouped_${elements}(const struct product *p, const struct window *w, const struct layer *l, int32_t channel,
                               int32_t rows, int32_t *sums)
{
  const int32_t size = p->columns.size, next = p->columns.apart * p->depth, seen = p->channels;
  for (int32_t i = 0; i < ${channelsTogether} && channel + i < l->channels; i++) {
    const int32_t first = (channel + i) / p->together * seen;
    for (int32_t y = 0; y < p->rows.size; y++) {
      for (int32_t k = 0; k < size * seen; k++)
        filters.${elements}[k] = (${type})weight_at(p, (uint32_t)(((channel + i) * p->rows.size + y) * size * seen + k));
      for (int32_t row = 0; row < rows; row++) {
        const ${type} *x = window_row_${elements}(p, w, row * p->rows.stride + y * p->rows.apart);
        int32_t *to = sums + row * SUMS_OF_ROW(l) + i;
        for (int32_t ox = 0; ox < l->width; ox++, x += p->columns.stride * p->depth, to += ${channelsTogether}) {
          int32_t sum = y == 0 ? 0 : *to;
          for (int32_t k = 0; k < size; k++)
            for (int32_t c = first; c < first + seen; c++)
              sum += (int32_t)x[k * next + ${placeOf(elements, 'c')}] * filters.${elements}[k * seen + c - first];
          *to = sum;
        }
      }
    }
  }
}
`;
}
