/** Checks that docstrings begin with what the thing is: a noun, or a verb in third person. `npm run lint` runs it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const files = ['src', 'scripts', 'test', 'bench', 'web'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => /\.(ts|m?js)$/.test(name))
    .map((name) => join(folder, name)),
);
const faults = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/\/\*\*[\s*]*(?:Of|What)\b.*/g)].map(
    ([text]) => `${file}: begin with what the thing is: ${text.replaceAll(/\s+/g, ' ')}`,
  ),
);
for (const line of faults) process.stderr.write(`${line}\n`);
process.exitCode = faults.length ? 1 : 0;
