/** The declarations that stand above the functions of `net.c`. */

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
