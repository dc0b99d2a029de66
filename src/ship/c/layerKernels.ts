/** C functions that run a layer, from tensors in the arena to a tensor in the arena. */

import type { Codes } from './kernels.js';
import { channelsTogether } from './plan.js';

/** A convolution in bands of rows: fills its windows, sums four channels at a time, requantizes and stores them. */
export const convolve = ({ outputs }: Codes) => `\
static void convolve(const struct layer *l, const uint8_t *image${outputs ? ', logit *logits' : ''})
{
  struct window windows[2] = {{0, 0, 0}, {0, 0, 0}};
  for (int32_t y = 0; y < l->height; y += l->band) {
    const int32_t rows = l->height - y < l->band ? l->height - y : l->band;
    for (int32_t i = 0; i < l->product_count; i++) {
      const struct product *p = l->products + i;
      struct window *w = windows + i;
      const int32_t first = y * p->rows.stride, extent = ((int32_t)p->rows.size - 1) * p->rows.apart + 1;
      w->slot += first - w->first;
      w->first = first;
      while (w->slot >= p->slots) w->slot -= p->slots;
      if (w->next < first) w->next = first;
      for (; w->next < first + (rows - 1) * p->rows.stride + extent; w->next++) {
        const int32_t slot = w->slot + w->next - first;
        p->load(p, w->next, slot < p->slots ? slot : slot - p->slots, image);
      }
    }
    for (int32_t channel = 0; channel < l->channels; channel += ${channelsTogether}) {
      for (int32_t i = 0; i < l->product_count; i++)
        l->products[i].sum(l->products + i, windows + i, l, channel, rows, sums + i * SUMS_OF_BAND(l));
      for (int32_t row = 0; row < rows; row++) {
${outputs ? '        if (!l->requantize) {\n          put_logits(l, channel, y + row, sums + row * SUMS_OF_ROW(l), logits);\n          continue;\n        }\n' : ''}\
        l->requantize(l, channel, y + row, sums + row * SUMS_OF_ROW(l));
        store(l, channel, y + row, sums + row * SUMS_OF_ROW(l));
      }
    }
  }
}
`;

/** The maximum of each window, without padding. */
export const maxPool = `\
static void max_pool(const struct view *v, uint32_t output, int32_t height, int32_t width, struct axis rows,
                     struct axis columns)
{
  uint32_t to = 0;
  for (int32_t y = 0; y < height; y++)
    for (int32_t x = 0; x < width; x++)
      for (int32_t channel = 0; channel < v->channels; channel++) {
        uint32_t best = 0;
        int32_t any = 0;
        for (int32_t r = 0; r < rows.size; r++)
          for (int32_t c = 0; c < columns.size; c++) {
            const int32_t iy = y * rows.stride - rows.before + r * rows.apart;
            const int32_t ix = x * columns.stride - columns.before + c * columns.apart;
            if (iy < 0 || iy >= v->height || ix < 0 || ix >= v->width) continue;
            const uint32_t at = (uint32_t)((iy * v->source_width + ix) * v->step * v->channels + channel);
            const uint32_t code = code_at(arena + v->offset, at * v->coding.bits, v->coding.bits);
            if (!any || integer_of(code, &v->coding) > integer_of(best, &v->coding)) best = code;
            any = 1;
          }
        put(arena + output, to, best, v->coding.bits);
        to += v->coding.bits;
      }
}
`;

/** Channels of tensors in a new order, shifted to the step of the output. */
export const arrange = `\
static void arrange(const struct view *inputs, const struct source *sources, uint32_t output, int32_t pixels, int32_t channels,
                    struct coding c)
{
  uint32_t to = 0;
  for (int32_t pixel = 0; pixel < pixels; pixel++)
    for (int32_t channel = 0; channel < channels; channel++, to += c.bits) {
      const struct source *s = sources + channel;
      const struct view *v = inputs + s->input;
      const uint32_t at = (uint32_t)(pixel * v->channels + s->channel) * v->coding.bits;
      const uint32_t code = code_at(arena + v->offset, at, v->coding.bits);
      const int32_t value = integer_of(code, &v->coding) * ((int32_t)1 << s->shift);
      put(arena + output, to, c.powers ? code : (uint32_t)(value + c.zero), c.bits);
    }
}
`;

/** The sum over all pixels for each channel, in 32 bits. */
export const sumPool = `\
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
