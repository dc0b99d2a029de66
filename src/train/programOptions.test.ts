/** Inputs of a network, bytes and floats, as an experiment describes them, and a network that is for others. */

import { describe, expect, it } from 'vitest';
import { network } from '../nn/index.js';
import { experimentFromSettings, withDefinition } from '../settings/index.js';
import { networkOf, normalisation } from './programOptions.js';

const scaling = (settings: Readonly<Record<string, unknown>>, values: 'bytes' | 'floats') =>
  normalisation(experimentFromSettings('A', 'a', { data: 'arrays:a.npz', ...settings }), 2, values);

describe('arrays', () => {
  it.each<[string, Readonly<Record<string, unknown>>, 'bytes' | 'floats', number, number]>([
    ['bytes as pixels', {}, 'bytes', 1 / 128, -1],
    ['bytes as normalise says', { normalise: 'symmetric' }, 'bytes', 2 / 255, -1],
    ['floats as they are', {}, 'floats', 1, 0],
    ['floats by a deviation alone', { std: 4 }, 'floats', 0.25, 0],
    ['floats by both', { mean: -20, std: 4 }, 'floats', 0.25, 5],
  ])('%s', (_, settings, values, scale, offset) => {
    expect(scaling(settings, values)).toEqual({ values, scale: [scale, scale], offset: [offset, offset] });
  });

  it('by the moments of the training inputs, unless the experiment says otherwise', () => {
    const moments = { mean: [1, 2], std: [2, 4] };
    const by = (settings: Readonly<Record<string, unknown>>) =>
      normalisation(experimentFromSettings('A', 'a', { data: 'csv:a.csv', ...settings }), 2, 'floats', moments);
    expect(by({})).toEqual({ values: 'floats', scale: [0.5, 0.25], offset: [-0.5, -0.5] });
    expect(by({ mean: 0, std: 1 })).toEqual({ values: 'floats', scale: [1, 1], offset: [0, 0] });
  });

  it('by channel', () => {
    expect(scaling({ mean: [1, 2], std: [1, 4] }, 'floats')).toMatchObject({ scale: [1, 0.25], offset: [-1, -0.5] });
  });

  it.each<[string, Readonly<Record<string, unknown>>, 'bytes' | 'floats']>([
    [
      'a: normalise = shift: is for bytes, and the data are floats; set it to auto, and mean and std as you need them',
      { normalise: 'shift' },
      'floats',
    ],
    ['a: mean = 128: bytes are divided by 255 first, so this is a number from 0 to 1', { mean: 128 }, 'bytes'],
    ['a: std = 1,1,1: 3 numbers for images of 2 channels', { std: [1, 1, 1] }, 'floats'],
  ])('refused: %s', (message, settings, values) => expect(() => scaling(settings, values)).toThrow(message));
});

it('says the order of arrays where the data have their channels first', () => {
  const ofImages = (imageShape: readonly [number, number, number], input: typeof imageShape = [28, 24, 1]) => {
    const definition = network({ input }, (n, x) => n.linear(n.globalAverage(n.conv(x, 4)), 3));
    const experiment = withDefinition(experimentFromSettings('A', 'a', { model: 'net.mjs' }), definition);
    return () => networkOf(experiment, { classes: 10, imageShape });
  };
  expect(ofImages([1, 28, 24])).toThrow(
    /takes images of 28x24x1 .* has images of 1x28x24 and 10 classes; arrays are \[N, H, W, C\]$/,
  );
  for (const fault of [ofImages([28, 24, 3]), ofImages([28, 24, 1]), ofImages([3, 3, 3], [3, 3, 3])]) {
    expect(fault).toThrow(/and 10 classes$/);
  }
});
