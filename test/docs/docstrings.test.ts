/** Docstrings begin with what the thing is: a noun, or a verb in third person. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it.each(['src', 'scripts', 'test'])('no docstring in %s begins with of, what or whether', (folder) => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(ts|m?js)$/.test(name));
  const faults = files.flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/\/\*\*[\s*]*(Of|What|Whether)\b.*/g)].map(
      ([line]) => `${name}: ${line}`,
    ),
  );
  expect(files.length).toBeGreaterThan(3);
  expect(faults).toEqual([]);
});
