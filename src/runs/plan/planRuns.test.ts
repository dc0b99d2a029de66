import { expect, it } from 'vitest';
import { parseConfig } from '../../settings/configFile.js';
import { planRuns } from './planRuns.js';

const text = `[FLOAT]
[OTHER]
[STUDENT]
weightfile = FLOAT/params_best.safetensors
distill = FLOAT/params_best.safetensors
[GRANDCHILD]
weightfile = STUDENT/params_best.safetensors
distill = FLOAT/params_best.safetensors
[STRANGER]
weightfile = FLOAT/params_best.safetensors
distill = OTHER/params_best.safetensors
[CIRCLE]
distill = ARC/params_best.safetensors
[ARC]
weightfile = CIRCLE/params_best.safetensors
`;

const planned = (section: string) => {
  const file = parseConfig(text, 'a.cfg');
  const options = { seeds: null, out: 'out', settings: {}, budgetSettings: {} };
  return planRuns([{ file, section }], options).map(({ experiment }) => experiment.name);
};

it('has teachers before those that learn from them, whether these start from them or not', () => {
  expect(planned('GRANDCHILD')).toEqual(['FLOAT', 'STUDENT', 'GRANDCHILD']);
  expect(planned('STRANGER')).toEqual(['FLOAT', 'OTHER', 'STRANGER']);
});

it('has no network that teaches itself, by way of others', () => {
  expect(() => planned('CIRCLE')).toThrow(
    'a.cfg: [CIRCLE] starts or learns from its own result, by way of CIRCLE, ARC;',
  );
});
