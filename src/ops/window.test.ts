/** Windows against the numbers that Keras and PyTorch give for the same words. */

import { describe, expect, it } from 'vitest';
import { evenWindow, sizedWindow, sizedWindowOf, windowOf } from './window.js';

/** Windows along an axis of `length`, and its padding. */
function along(length: number, size: number, options: Parameters<typeof windowOf>[0]) {
  const window = sizedWindowOf({ ...options, size: [1, size] }, [1, 1, length, 1]);
  const { before, after } = window.columns;
  return { count: sizedWindow.sizes({ H: 1, W: length }, window).X, padding: [before, after] };
}

describe('a window', () => {
  it('with padding same has ⌈length / stride⌉ places, an odd zero behind', () => {
    expect(along(10, 4, { padding: 'same', stride: [1, 2] })).toEqual({ count: 5, padding: [1, 1] });
    expect(along(49, 10, { padding: 'same', stride: [1, 2] })).toEqual({ count: 25, padding: [4, 5] });
    expect(along(5, 2, { padding: 'same' })).toEqual({ count: 5, padding: [0, 1] });
    expect(along(7, 3, { padding: 'same', dilation: [1, 2] })).toEqual({ count: 7, padding: [2, 2] });
    expect(along(8, 1, { padding: 'same', stride: [1, 2] })).toEqual({ count: 4, padding: [0, 0] });
  });

  it('with ceil has one more place where pixels are left over, unless it would begin in the padding', () => {
    expect(along(6, 3, { stride: [1, 2] }).count).toBe(2);
    expect(along(6, 3, { stride: [1, 2], ceil: true })).toEqual({ count: 3, padding: [0, 1] });
    expect(along(7, 3, { stride: [1, 2], ceil: true })).toEqual({ count: 3, padding: [0, 0] });
    expect(along(5, 2, { stride: [1, 3], padding: [0, 1], ceil: true })).toEqual({ count: 2, padding: [1, 1] });
    expect(along(5, 1, { stride: [1, 6], ceil: true })).toEqual({ count: 1, padding: [0, 0] });
  });

  it('is refused where one of its places sees no pixel, whatever its numbers', () => {
    const some = (count: number, first = 0) => Array.from({ length: count }, (_, at) => first + at);
    const cases = some(3, 1).flatMap((length) =>
      some(3, 1).flatMap((size) =>
        some(3, 1).flatMap((dilation) =>
          some(2, 1).flatMap((stride) => some(5).map((padding) => [length, size, dilation, stride, padding] as const)),
        ),
      ),
    );
    for (const [length, size, dilation, stride, padding] of cases) {
      const window = sizedWindowOf(
        { size: [1, size], stride: [1, stride], dilation: [1, dilation], padding: [0, padding] },
        [1, 1, length, 1],
      );
      const sizes = { H: 1, W: length };
      const places = some(Math.max(0, sizedWindow.sizes(sizes, window).X));
      const sees = (place: number) =>
        some(size).some((tap) => {
          const pixel = place * stride - padding + tap * dilation;
          return pixel >= 0 && pixel < length;
        });
      expect(sizedWindow.check(window, sizes) === null, `${[length, size, dilation, stride, padding]}`).toBe(
        places.length > 0 && places.every(sees),
      );
    }
  });

  it('is even where all its sides are alike', () => {
    expect(evenWindow(windowOf({ stride: 2, padding: 1 }, [], []))).toEqual({ stride: 2, padding: 1 });
    expect(evenWindow(windowOf({ stride: [2, 1] }, [], []))).toBeNull();
    expect(evenWindow(windowOf({ dilation: 2 }, [], []))).toBeNull();
    expect(evenWindow(windowOf({ padding: { top: 1, bottom: 1, left: 1, right: 0 } }, [], []))).toBeNull();
  });
});
