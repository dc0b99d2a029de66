/**
 * The examples in docs/library.md, of the docstrings of the published entries, and README's network of one's own: they
 * compile under strict rules; those of the first page run, one after another.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { transformWithEsbuild } from 'vite';
import { describe, expect, it } from 'vitest';
import { installPackage } from '../publishedPackage.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { bundlingCommands, docstringExamples, libraryExamples, ownNetworkExamples } from './libraryExamples.js';

const { node, browser } = libraryExamples();
const docstrings = docstringExamples([
  'src/index.ts',
  'src/browser.ts',
  'src/data/synthetic.ts',
  'src/errors.ts',
  'src/library/exportNetwork.ts',
  'src/library/sectionSettings.ts',
  'src/nn/layers.ts',
  'src/quant/kinds/index.ts',
  'src/runtime/index.ts',
  'src/task.ts',
]);

describe('the examples of the library', () => {
  it('are one a use', () => {
    expect(node.match(/await train\(/g)!.length).toBeGreaterThanOrEqual(6);
    for (const use of [
      'sectionSettings(',
      'onProgress',
      'signal:',
      'resume:',
      'open(',
      'predict(',
      'evaluate(',
      'exportNetwork(',
    ]) {
      expect(node).toContain(use);
    }
    expect([...browser.keys()]).toEqual(['worker.ts', 'page.ts', 'pictures.ts']);
    expect(docstrings.size).toBe(12);
  });

  it('compile', () => {
    const folder = temporaryFolder();
    const given = [
      "declare const data: import('mixed-precision-dnns').TrainingData;",
      'declare const image: Uint8Array, pixels: Uint8Array;',
    ].join('\n');
    const described = [...docstrings].map(([name, code]) => [name, `${given}\n${code}`] as const);
    const files = [
      ...browser,
      ...described,
      ['net.mjs', ownNetworkExamples().get('net.mjs')!] as const,
      ['node.ts', node] as const,
    ].map(([name, code]) => {
      writeFileSync(join(folder, name), code);
      return name;
    });
    const types = {
      typeRoots: ['@types', '@webgpu'].map((name) => resolve('node_modules', name)),
      types: ['node', 'types'],
    };
    const compilerOptions = { ...types, module: 'esnext', moduleResolution: 'bundler', allowJs: true, checkJs: true };
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: resolve('tsconfig.json'), compilerOptions, files, include: [] }),
    );
    const { status, stdout } = spawnSync(resolve('node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('for a browser are bundled by esbuild, with kernels and worker', () => {
    const folder = temporaryFolder();
    installPackage(folder);
    for (const [name, code] of browser) writeFileSync(join(folder, name), code);
    const PATH = `${resolve('node_modules/.bin')}:${process.env.PATH}`;
    const commands = bundlingCommands().replace('npx ', '');
    execFileSync('bash', ['-ec', commands], { cwd: folder, stdio: 'pipe', env: { ...process.env, PATH } });
    const files = readdirSync(join(folder, 'out'));
    const scripts = ['page.js', 'worker.js', 'browserWorker.js'];
    expect(files).toEqual(expect.arrayContaining([...scripts, 'kernels-training-simd.wasm']));
  });

  it('have the types of a browser where its condition is set', () => {
    const folder = temporaryFolder();
    const installed = join(folder, 'node_modules/mixed-precision-dnns');
    mkdirSync(join(installed, 'dist'), { recursive: true });
    cpSync('package.json', join(installed, 'package.json'));
    writeFileSync(join(installed, 'dist/index.d.ts'), 'export const place: "node";');
    writeFileSync(join(installed, 'dist/browser.d.ts'), 'export const place: "browser";');
    writeFileSync(join(folder, 'page.ts'), "import { place } from 'mixed-precision-dnns'; place satisfies 'browser';");
    const flags = ['--noEmit', '--types', '', '--module', 'esnext', '--moduleResolution', 'bundler'];
    const compiled = (...more: string[]) =>
      spawnSync(resolve('node_modules/.bin/tsc'), [...flags, ...more, 'page.ts'], { cwd: folder, encoding: 'utf8' });
    expect(compiled('--customConditions', 'browser')).toMatchObject({ status: 0, stdout: '' });
    expect(compiled().stdout).toMatch(/Type '"node"' does not satisfy/);
  });

  it('run', async () => {
    const folder = temporaryFolder();
    installPackage(folder);
    // The examples as they are, but on fewer images, in as many steps, and with the tiny network except for the
    // published section.
    const smaller = [
      ['generateSynthetic(1, 200)', 'generateSynthetic(1, 60)'],
      ['batch_size: 50', 'batch_size: 15'],
      ['  epochs: 2,', "  epochs: 2, model: 'tiny', threads: 1,"],
    ] as const;
    let code = node;
    for (const [written, run] of smaller) {
      expect(code).toContain(written);
      code = code.replaceAll(written, run);
    }
    ({ code } = await transformWithEsbuild(code, 'node.ts', { target: 'es2022' }));
    writeFileSync(join(folder, 'node.mjs'), code);
    const said = execFileSync(process.execPath, ['node.mjs'], { cwd: folder, encoding: 'utf8' });
    expect(said).toMatch(/^0\.\d+ wrong, [\d.]+ kB of weights, 2 epochs\n\d+ bits in the first layer\n/);
    expect(said).toMatch(/epoch 1: error 0\.\d+, [\d.]+ kB\n/);
    expect(said).toContain('budget: with the fewest bits weights need');
    expect(said).toMatch(/\d+ bytes to keep\nfalse\ntrue 2\n/);
    expect(said).toMatch(/(disc|cross)-\d+ 0\.\d+ \[/);
    expect(said).toMatch(/^mine\.h \d+ letters\nmine\.c \d+ letters\n/m);
    expect(said).toContain('settings: epochs = 0: must be an integer from 1');
    expect(readFileSync(join(folder, 'network.safetensors')).length).toBeGreaterThan(1e4);
  });
});
