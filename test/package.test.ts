/** The package as npm packs it: holds what its users need, nothing else, and runs from any folder. */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernelFiles } from '../scripts/kernelFiles.mjs';
import { compiledProgram } from './cli/runMpdnn.js';
import { temporaryFolder } from './temporaryFolder.js';

let files: string[];
let main: string;

beforeAll(() => {
  const stage = temporaryFolder();
  for (const name of [
    'package.json',
    'README.md',
    'LICENSE',
    'NOTICE',
    'CHANGELOG.md',
    'configs',
    'docs',
    'examples',
    'test/golden',
  ]) {
    cpSync(name, join(stage, name), { recursive: true });
  }
  cpSync(resolve(dirname(compiledProgram()), '..'), join(stage, 'dist'), { recursive: true });
  const packed = JSON.parse(execFileSync('npm', ['pack', '--json', '--offline'], { cwd: stage, encoding: 'utf8' }));
  const [{ filename, files: listed }] = packed as [{ filename: string; files: { path: string }[] }];
  files = listed.map(({ path }) => path);
  const unpacked = temporaryFolder();
  execFileSync('tar', ['-xzf', join(stage, filename), '-C', unpacked]);
  symlinkSync(resolve('node_modules'), join(unpacked, 'package/node_modules'));
  main = join(unpacked, 'package/dist/cli/main.js');
});

const call = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { cwd: temporaryFolder(), encoding: 'utf8' });

it('is built with an executable command, as npx calls that of a checkout', () => {
  expect(statSync(compiledProgram()).mode & 0o111).toBe(0o111);
});

describe('the package', () => {
  it('holds the program, its sections, its documents and its licence, and no checks', () => {
    const needed = ['LICENSE', 'NOTICE', 'CHANGELOG.md', 'README.md', 'configs/quickstart.cfg', 'docs/library.md'];
    const entries = ['dist/index.js', 'dist/browser.js', 'dist/runtime/index.js', 'dist/cli/main.js'];
    const pages = ['dist/watch/page.html', 'examples/classify/index.html'];
    const kernels = kernelFiles.map((name) => `dist/engine/cpu/${name}`);
    expect(files).toEqual(expect.arrayContaining([...needed, ...entries, ...pages, ...kernels]));
    expect(files.filter((name) => /golden|\.test\.|^src\//.test(name) && !name.startsWith('dist/cli/golden'))).toEqual(
      [],
    );
  });

  it('has entries that are there, whatever takes them', () => {
    const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: object };
    const pathsOf = (entry: string | object): string[] =>
      typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(pathsOf);
    const packed = pathsOf(exports).filter((path) => !path.endsWith('.d.ts'));
    for (const path of packed) expect(existsSync(join(dirname(main), '../..', path)), path).toBe(true);
  });

  it('trains a section that came with it, by the name in the documents, from any folder', () => {
    const few = ['--data', 'synthetic:32', '--batch-size', '16', '--epochs', '1', '--device', 'cpu', '--no-plots'];
    const { status, stderr } = call('train', 'QUICKSTART_FLOAT', '--cfg', 'configs/quickstart.cfg', ...few);
    expect(status, stderr).toBe(0);
  });

  it('says that the golden checks are not part of it', () => {
    const { status, stderr } = call('golden', 'x');
    expect(stderr).toBe(
      'mpdnn: golden: the checks belong to a checkout of the repository; the package does not hold them\n',
    );
    expect(status).toBe(2);
  });
});
