/** Modules that the published entries load: nothing of Node in a browser, and nothing large before it is needed. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { parseAst } from 'vite';
import { expect, it } from 'vitest';
import { compiledProgram } from '../cli/runMpdnn.js';

const dist = resolve(dirname(compiledProgram()), '..');

interface Syntax {
  readonly type: string;
  readonly source?: { readonly value?: unknown } | null;
  readonly [key: string]: unknown;
}

/** The modules that a file imports, statically or, with `dynamic`, when it is asked for something. */
function importsOf(file: string, dynamic: boolean): string[] {
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, source } = node as Syntax;
    if (type === 'ImportExpression' ? dynamic : typeof source?.value === 'string') {
      expect(source?.value, `${file}: an import of what is not written there`).toBeTypeOf('string');
      found.push(String(source?.value));
    }
    for (const part of Object.values(node)) visit(part);
  };
  visit(parseAst(readFileSync(file, 'utf8')));
  return found;
}

/** Packages and modules of Node that an entry leads to, each with the file that imports it. */
function outside(entry: string, dynamic: boolean): { readonly modules: number; readonly names: Map<string, string> } {
  const known = new Set<string>();
  const names = new Map<string, string>();
  const follow = (file: string): void => {
    if (known.has(file)) return;
    known.add(file);
    for (const name of importsOf(file, dynamic)) {
      if (name.startsWith('.')) follow(resolve(dirname(file), name));
      else names.set(name, relative(dist, file));
    }
  };
  follow(resolve(dist, entry));
  return { modules: known.size, names };
}

it('the browser entry imports no module of Node and one small package, wherever it is taken', () => {
  const { modules, names } = outside('browser.js', true);
  expect(modules).toBeGreaterThan(100);
  expect([...names.keys()]).toEqual(['@noble/hashes/sha2.js']);
});

it('the workers of a browser do neither', () => {
  expect([...outside('engine/cpu/browserWorker.js', true).names]).toEqual([]);
});

it('the files that the browser entry fetches lie beside the modules that name them', () => {
  const platform = resolve(dist, 'engine/cpu/browserPlatform.js');
  const names = [...readFileSync(platform, 'utf8').matchAll(/new URL\('([^']+)', import\.meta\.url\)/g)];
  expect(names.map(([, name]) => name)).toEqual([
    './kernels-evaluation-relaxed.wasm',
    './kernels-evaluation-simd.wasm',
    './kernels-training-relaxed.wasm',
    './kernels-training-simd.wasm',
    './kernels-integers-relaxed.wasm',
    './kernels-integers-simd.wasm',
    './browserWorker.js',
  ]);
  for (const [, name] of names) expect(existsSync(resolve(dirname(platform), name!)), name).toBe(true);
});

it('the Node entry loads one small package and nothing large before it is asked for', () => {
  const { names } = outside('index.js', false);
  const packages = [...names.keys()].filter((name) => !name.startsWith('node:'));
  expect(packages).toEqual(['@noble/hashes/sha2.js']);
});
