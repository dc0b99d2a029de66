import { expect, it } from 'vitest';
import { summaryTable } from './summaryTable.js';

it('aligns bits and memory, and totals them', () => {
  const table = summaryTable([
    { layer: 'conv1', weightBits: 4, activationBits: 3, weightKbytes: 0.2109375, activationKbytes: 6 },
    { layer: 'res1/layer1', activationBits: 4, activationKbytes: 8 },
    { layer: 'fc', weightBits: 12, weightKbytes: 0.9375 },
  ]);
  expect(table).toMatchInlineSnapshot(`
    "layer        bits W  bits A  kB W   kB A
    -----------  ------  ------  ----  -----
    conv1             4       3  0.21   6.00
    res1/layer1       -       4     -   8.00
    fc               12       -  0.94      -
    -----------  ------  ------  ----  -----
    sum                          1.15  14.00
    largest                             8.00"
  `);
});

it('is a header with empty totals where there are no layers', () => {
  expect(summaryTable([]).split('\n')).toEqual(expect.arrayContaining(['sum', 'largest']));
});
