import { expect, it } from 'vitest';
import { exportPlot } from './exportPlot.js';
import { renderSvg } from './renderPlot.js';

const layer = { weightBytes: 2048, constantBytes: 512, weightBits: 3, activationBits: 4 };
const exported = {
  run: 'RUN',
  layers: [
    { ...layer, name: 'conv1', proven: true },
    { ...layer, name: 'res1/layer1', proven: false },
    { ...layer, name: 'pool', weightBytes: 0, constantBytes: 0, weightBits: null, proven: null },
    { ...layer, name: 'logits', activationBits: null, proven: null },
  ],
  bytes: { weights: 6144, constants: 1536, ram: 4096 },
};
const textsOf = (svg: string) => [...svg.matchAll(/<t(?:ext|span) [^>]*>([^<]*)</g)].map(([, text]) => text);

it('says bits and proof of each layer that has weights or rounds, and the budget', async () => {
  const texts = textsOf(await renderSvg(exportPlot({ ...exported, budget_kb: { weights: 6.5 } })));
  expect(texts).toContain('1 of 2 layers that round are proven equal to the trained network in float64');
  expect(texts).toContain('6.00 kB, budget 6.5 kB');
  for (const words of ['conv1', 'weights 3, output 4 bits', 'proven', 'by definition', 'nothing is rounded']) {
    expect(texts).toContain(words);
  }
  expect(texts).not.toContain('pool');
});

it('draws no budget where there is none', async () => {
  const svg = await renderSvg(exportPlot({ ...exported, budget_kb: { weights: null } }));
  expect(textsOf(svg)).toContain('6.00 kB');
  expect(svg).not.toContain('budget');
});
