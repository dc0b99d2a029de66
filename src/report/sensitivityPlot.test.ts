import { expect, it } from 'vitest';
import { sensitivityPlot } from './sensitivityPlot.js';

it('tells small rises from none, beside large ones', () => {
  const rises = [12.34, 1.434, 0.0312, 0.00104, 0.000314, -0.000314, 0].map((rise, at) => ({ bits: at, rise }));
  const plot = sensitivityPlot('RUN', [{ tensor: 'conv1.weight', role: 'weight', bits: 8, rises }]);
  const texts = [...JSON.stringify(plot).matchAll(/"text":"([^"]*)","isOwn":false/g)].map(([, text]) => text);
  expect(texts).toEqual(['+12', '+1.4', '+0.031', '+0.0010', '+3.1e−4', '−3.1e−4', '0']);
});
