import { describe, expect, it } from 'vitest';
import { textWidth } from './fontMetrics.js';
import { distinctNames, kbytes, wrapName } from './labels.js';
import { layerLabels } from './layerLabels.js';

describe('names of folders', () => {
  it.each([
    [['a/RUN'], ['RUN']],
    [
      ['a/ONE', 'a/TWO'],
      ['ONE', 'TWO'],
    ],
    [
      ['seed-0/RUN', 'seed-1/RUN/'],
      ['seed-0', 'seed-1'],
    ],
    [
      ['x/0/RUN', 'y/0/RUN', 'y/1/RUN'],
      ['x/0', 'y/0', 'y/1'],
    ],
    [
      ['x/RUN', 'y/RUN', 'y/OTHER'],
      ['x/RUN', 'y/RUN', 'y/OTHER'],
    ],
    [
      ['RUN', 'RUN'],
      ['RUN', 'RUN'],
    ],
    [[], []],
  ])('%j', (folders, names) => expect(distinctNames(folders)).toEqual(names));
});

describe('labels', () => {
  it('drops from layer names what all of them repeat', () => {
    const names = ['conv1/quantized_conv/W', 'layer1.0.conv1.weight', 'fc/quantized_affine/b', 'res1/layer1/Aquant'];
    expect(layerLabels(names)).toEqual(['conv1', 'layer1.0.conv1', 'fc/b', 'res1/layer1']);
  });

  it('keeps names whole that would become alike', () => {
    expect(layerLabels(['fc/W', 'fc', 'conv/W'])).toEqual(['fc/W', 'fc', 'conv']);
  });

  it('breaks long names only at their joints', () => {
    const name = 'PARAMETRIC_FP_WAQ_DELTA_XMAX_CON';
    const lines = wrapName(name, 110, 11.5);
    expect(lines.join('')).toBe(name);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(textWidth(line, 11.5, 'bold')).toBeLessThanOrEqual(110);
  });

  it('rounds sizes to what a reader compares, and budgets not at all', () => {
    expect([7.9375, 69.84, 1048.2265625].map((value) => kbytes(value))).toEqual(['7.94 kB', '69.8 kB', '1048 kB']);
    expect(kbytes(70, true)).toBe('70 kB');
  });
});
