import { expect, it } from 'vitest';
import { quantizableTensors } from '../nn/index.js';
import { modelOfWeights } from './startingModel.js';

const options = { classes: 7, shortcutType: '', scaleLayer: false, widthMultiplier: 1 } as const;

it.each(['resnet32', 'resnet18'])('knows %s by the names of its weights', (model) => {
  const names = quantizableTensors({ ...options, model }, [32, 32, 3]).map(({ name }) => name);
  expect(modelOfWeights({ names, source: 'a.safetensors' })).toBe(model);
});

it('says what it knows where a file is of none', () => {
  expect(() => modelOfWeights({ names: ['encoder.weight'], source: 'a.safetensors' })).toThrow(
    'a.safetensors: holds the parameters of none of resnet20, resnet32,',
  );
});
