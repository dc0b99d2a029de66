/** The declarations above the functions of `net.c`. */

import type { Codes } from './kernels.js';

/** The structures shared by functions and constants of layers. */
export function structures({ tables, grouped }: Codes): string {
  return `\
/* How codes of a stream stand for integers: counted up, with zero for 0; or as powers of two: 0 for 0 and k + 1 for 2^k, or
 * k with a sign bit, zero, in front. */
struct coding { uint8_t bits, powers, zero; };

/* A tensor as a layer reads it: every step-th pixel of one in the arena, zeros behind its channels. */
struct view {
  uint32_t offset;
  uint16_t height, width, channels, source_width;
  struct coding coding;
  uint8_t step;
};

/* A window along rows or columns: its taps, from one window to the next, zeros before the image, from tap to tap. */
struct axis { uint8_t size, stride, before, apart; };

/* Where a channel comes from: which input, its channel, by how many bits it is moved up. */
struct source { uint16_t channel; uint8_t input, shift; };

struct layer;
struct product;

/* Which rows of its padded input a product has unpacked: all from first, which lies in slot, to the one before next. */
struct window { int32_t first, slot, next; };

typedef void load_row(const struct product *p, int32_t row, int32_t slot, const uint8_t *image);
typedef void sum_band(const struct product *p, const struct window *w, const struct layer *l, int32_t channel,
                      int32_t rows, int32_t *sums);
typedef void requantize(const struct layer *l, int32_t channel, int32_t y, int32_t *sums);

struct product {
  struct view input;
  load_row *load;
  sum_band *sum;
  const uint8_t *weights;
  uint32_t window;
  uint16_t channels, depth;
  struct coding coding;
  struct axis rows, columns;
  uint8_t after, slots;
${grouped ? '  /* Outputs that see the same channels. */\n  uint16_t together;\n' : ''}\
};

struct layer {
  const struct product *products;
  requantize *requantize;
  const void *multipliers, *biases;
  const uint8_t *shifts;
${tables ? '  const int64_t *thresholds;\n  const uint8_t *codes;\n' : ''}\
  struct view addend;
  uint32_t output, lo;
  uint16_t height, width, channels, most;
  struct coding coding;
  uint8_t product_count, addend_shift, output_shift, band;
};
`;
}

/** Vector instructions of some processors, and the layout of elements of windows and filters for them. */
export const processors = `\
/* Elements lie in sets of lanes, step apart, so that a dot product takes a set at once: eight codes fill one set of eight
 * lanes or four pairs, of which each has one of the first and one of the last four. */
#define PAIR_PLACE(i, step) (((i) & 3) * (step) + ((i) >> 2))
#define PAIR_GROUP(step) (4 * (step))
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#define LANES 8
#define PLACE(i, step) (i)
#define GROUP(step) (step)
#else
#define LANES 2
#define PLACE PAIR_PLACE
#define GROUP PAIR_GROUP
#endif
#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
typedef int16x2_t __attribute__((__may_alias__)) pair;
#endif

/* Reordered early, the loads of a dot product need more registers than there are. */
#if defined(__GNUC__) && !defined(__clang__)
#define IN_THIS_ORDER __attribute__((__noinline__, __optimize__("no-schedule-insns", "no-tree-coalesce-vars")))
#else
#define IN_THIS_ORDER
#endif
`;
