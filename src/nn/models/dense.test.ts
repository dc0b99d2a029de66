import { expect, it } from 'vitest';
import { layerFacts } from '../layerFacts.js';
import { modelDefinition } from './models.js';

it.each([
  [1, 64],
  [0.5, 32],
  [0.1, 6],
])('times %d two hidden layers of %d units', (widthMultiplier, units) => {
  const options = { model: 'mlp', classes: 3, shortcutType: '', scaleLayer: false, widthMultiplier } as const;
  const facts = layerFacts(modelDefinition(options, [1, 1, 4]));
  expect(facts.map(({ layer, shape }) => [layer.kind, ...shape])).toEqual([
    ['flatten', 4],
    ['linear', units],
    ['linear', units],
    ['linear', 3],
  ]);
});
