/** Imports between the rooms of `src/` go the ways that the architecture allows, and the documents name what is there. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rooms, sources, violations } from '../scripts/checkRooms.mjs';

const files = sources();

/** The faults once `path` begins with `line`. */
const planted = (path: string, line: string) =>
  violations(new Map(files).set(path, `${line}\n${files.get(path) ?? ''}`));

it('the sources keep to the rooms', () => {
  expect(files.size).toBeGreaterThan(200);
  expect(violations(files)).toEqual([]);
});

describe('a violation', () => {
  it.each([
    ['quant/table.ts', "import { Graph } from '../graph/index.js';", /^quant\/table\.ts: quant may not know graph /],
    ['graph/plan.ts', "import { inPlace } from '../nn/index.js';", /graph may not know nn /],
    ['engine/cpu/cpuEngine.ts', "export { train } from '../../train/train.js';", /engine\/cpu may not know train /],
    ['program/session.ts', "import type { Experiment } from '../settings/index.js';", /program may not know settings /],
    ['program/session.ts', "import { selectEngine } from '../engine/selectEngine.js';", /engine but for types/],
    ['train/train.ts', "const fs = await import('node:fs');", /train may not import node:fs$/],
    ['data/crops.ts', "import 'node:fs';", /data may not import node:fs$/],
    [
      'weights/checkedSafetensors.ts',
      "import { x } from './safetensorsFile.js';",
      /^browser\.ts → .*: reaches node:fs$/,
    ],
    ['attic/old.ts', "import '../errors.js';", /the room attic does not stand in/],
  ])('in %s is noticed: %s', (path, line, message) => {
    expect(planted(path, line)[0]).toMatch(message);
  });
});

it('the architecture has every room', () => {
  const folders = Object.keys(rooms).filter((room) => existsSync(join('src', room)));
  const page = readFileSync('docs/architecture.md', 'utf8');
  const named = (room: string) => page.includes(`\`src/${room}/\``) || page.includes(`\`${room.split('/').at(-1)}/\``);
  expect(folders.filter((room) => !named(room))).toEqual([]);
});

it('documents name source files that exist', () => {
  const pages = readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [join('docs', name)] : []));
  const missing = [...pages, 'README.md', 'CONTRIBUTING.md'].flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/`((?:\w[\w.]*\/)+\w+\.(?:ts|mjs))`/g)].flatMap(([, path]) =>
      ['', 'src', 'src/engine'].some((root) => existsSync(join(root, path!))) ? [] : [`${page}: ${path}`],
    ),
  );
  expect(missing).toEqual([]);
});

it('benchmarks import what the rooms export', async () => {
  const missing: string[] = [];
  const imported = readdirSync('bench').flatMap((file) =>
    /\.m?js$/.test(file)
      ? [
          ...readFileSync(join('bench', file), 'utf8').matchAll(/^import \{([^}]+)\} from '\.\.\/dist\/(.+)\.js'/gm),
        ].map(([, names, path]) => ({ file, names: names!.split(','), path: path! }))
      : [],
  );
  for (const { file, names, path } of imported) {
    const room = (await import(resolve('src', `${path}.ts`))) as object;
    const lacking = names.map((name) => name.trim().split(' ')[0]!).filter((name) => name && !(name in room));
    missing.push(...lacking.map((name) => `${file}: ${name} of ${path}`));
  }
  expect(imported.length).toBeGreaterThan(10);
  expect(missing).toEqual([]);
});
