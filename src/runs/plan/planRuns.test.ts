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
`;

const planned = (section: string) => {
  const file = parseConfig(text, 'a.cfg');
  const options = { seeds: null, out: 'out', settings: {}, budgetSettings: {} };
  return planRuns([{ file, section }], options).map(({ experiment }) => experiment.name);
};

it('has a teacher before those that learn from it, which is one of those that they start from', () => {
  expect(planned('GRANDCHILD')).toEqual(['FLOAT', 'STUDENT', 'GRANDCHILD']);
  expect(() => planned('STRANGER')).toThrow(
    /^a\.cfg: \[STRANGER\] distill = OTHER\/params_best\.safetensors: among several runs .* set weightfile = OTHER/,
  );
});
