/** The commands of the README can be typed one after the other. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runRoot } from '../../src/runs/index.js';
import { resolveExperiment } from '../../src/settings/index.js';
import { readConfigFile } from '../../src/settings/readConfigFile.js';

const calls = [...readFileSync('README.md', 'utf8').matchAll(/^npx mpdnn ([a-z]+) ?([^#\n]*)/gm)].map(
  ([, command, words = '']) => ({ command, words: words.trim().split(/\s+/) }),
);

it('trains into a folder of its own with each call', () => {
  const roots = calls.flatMap(({ command, words: [section = '', ...options] }) => {
    if (command !== 'train') return [];
    const given = Object.fromEntries(options.flatMap((word, i) => (i % 2 ? [] : [[word.slice(2), options[i + 1]]])));
    const { cfg, ...overrides } = given;
    return [runRoot(resolveExperiment(readConfigFile(String(cfg)), section, overrides))];
  });
  expect(roots.length).toBeGreaterThanOrEqual(2);
  expect(new Set(roots).size).toBe(roots.length);
});
