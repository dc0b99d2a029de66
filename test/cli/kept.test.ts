/** Finished runs of `mpdnn front` in the small form of docs/front.md: in another place they are the same as whole ones. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../temporaryFolder.js';
import { listing, mpdnn, resultFiles, succeeds } from './runMpdnn.js';

const [made, elsewhere] = [temporaryFolder(), temporaryFolder()];

const config = '[NET]\nmodel = tiny\nbatch_size = 16\nepochs = 2\ndevice = cpu\nthreads = 1\n';

const call = (budgets: string, data: string, ...more: string[]) => [
  ...['front', 'NET', '--cfg', 'net.cfg', '--budgets', budgets, '--target-activation-kbytes', '1.2'],
  ...['--only', 'learned,allocated', '--seeds', '0,1', '--data', `images:${data}`, ...more],
];

async function drawImages(folder: string): Promise<void> {
  for (const [set, count] of Object.entries({ train: 20, test: 4 })) {
    for (const [name, background] of Object.entries({ blue: '#2040d0', red: '#d04020' })) {
      mkdirSync(join(folder, set, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const picture = sharp({ create: { width: 32, height: 32, channels: 3, background } });
        await picture.linear(1, 3 * i).toFile(join(folder, set, name, `${i}.png`));
      }
    }
  }
}

/** The commands of docs/front.md that keep finished runs. */
function recipe(): string {
  const [, chapter] = readFileSync('docs/front.md', 'utf8').split('## Keeping finished runs\n');
  return /^```sh\n([\s\S]*?)^```$/m.exec(chapter!)![1]!;
}

/** The files of a report, by name. */
function reportIn(folder: string): Map<string, string> {
  const report = join(folder, 'front/report');
  return new Map(readdirSync(report).map((name) => [name, readFileSync(join(report, name), 'base64')]));
}

beforeAll(async () => {
  writeFileSync(join(made, 'net.cfg'), config);
  await drawImages(join(made, 'images'));
  await succeeds(call('0.4', 'images'), made);
  const unfinished = join(made, 'front/seed-2/FLOAT');
  cpSync(join(made, 'front/seed-0/FLOAT'), unfinished, { recursive: true });
  rmSync(join(unfinished, 'summary.json'));
  const failed = join(made, 'front/seed-2/LEARNED_0.4');
  cpSync(join(made, 'front/seed-0/LEARNED_0.4'), failed, { recursive: true });
  renameSync(join(failed, 'summary.json'), join(failed, 'fault.txt'));

  execFileSync('sh', ['-ec', recipe()], { cwd: made });
  execFileSync('tar', ['-xf', join(made, 'runs.tar.xz')], { cwd: elsewhere });
  writeFileSync(join(elsewhere, 'net.cfg'), config);
  for (const place of ['images', 'moved']) cpSync(join(made, 'images'), join(elsewhere, place), { recursive: true });
});

it('leaves out parameters of all but the float networks, checkpoints and unfinished runs', () => {
  const tables = ['quantizers.csv', 'results.csv', 'sizes.csv'];
  const curves = ['test_accs', 'test_losses', 'train_accs', 'train_losses'];
  const files = (ending: string, ...more: string[]) =>
    ['config.json', ...tables, ...curves.map((name) => name + ending), ...more].sort();
  for (const seed of ['seed-0', 'seed-1']) {
    const of = (name: string) => listing(join(elsewhere, 'front', seed, name));
    expect(of('FLOAT')).toEqual(files('.csv', 'params_best.safetensors', 'summary.json'));
    for (const name of ['LEARNED_0.4', 'ALLOCATED_0.4']) expect(of(name)).toEqual(files('_q.csv', 'summary.json'));
  }
  expect(listing(join(elsewhere, 'front/seed-2/LEARNED_0.4'))).toEqual(files('_q.csv', 'fault.txt'));
  expect(readdirSync(join(elsewhere, 'front/seed-2'))).toEqual(['LEARNED_0.4']);
  expect(statSync(join(made, 'runs.tar.xz')).size).toBeLessThan(30_000);
});

it('gives the same report, byte for byte', async () => {
  const { stderr } = await succeeds(call('0.4', 'images', '--report'), elsewhere);
  expect(stderr.match(/finished before/g)).toHaveLength(6);
  expect([...reportIn(elsewhere).keys()]).toEqual(expect.arrayContaining(['bits.png', 'front.png', 'report.md']));
  expect(reportIn(elsewhere)).toEqual(reportIn(made));
});

it('goes on from the kept float networks, with the images in another place, as the whole folders do', async () => {
  const { stderr } = await succeeds(call('0.4,0.75', 'moved'), elsewhere);
  expect(stderr.match(/finished before/g)).toHaveLength(6);
  await succeeds(call('0.4,0.75', 'images'), made);
  for (const run of ['seed-0/LEARNED_0.75', 'seed-0/ALLOCATED_0.75', 'seed-1/LEARNED_0.75', 'seed-1/ALLOCATED_0.75']) {
    const [whole, kept] = [made, elsewhere].map((folder) => join(folder, 'front', run)) as [string, string];
    expect(resultFiles(kept)).toEqual(resultFiles(whole));
    const { starting_weights } = JSON.parse(readFileSync(join(kept, 'config.json'), 'utf8'));
    const float = readFileSync(join(kept, '../FLOAT/params_best.safetensors'));
    expect(starting_weights.sha256).toBe(createHash('sha256').update(float).digest('hex'));
  }
});

it.each([
  ['results.csv', 0, 'results.csv: ends at epoch 0, the run had finished 2; bring it back, or move '],
  ['sizes.csv', -2, 'sizes.csv: ends at epoch 1, the run had finished 2; bring it back, or move '],
  ['quantizers.csv', 40, 'quantizers.csv: ends at epoch 0, the run had finished 2; bring it back, or move '],
  ['summary.json', 0, 'summary.json: is damaged, it is no JSON'],
])('is refused before anything is trained if %s is cut off', async (name, end, message) => {
  const run = 'front/seed-1/ALLOCATED_0.4';
  const path = join(elsewhere, run, name);
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, end));
  const { code, stderr } = await mpdnn(call('0.4,0.8', 'images'), elsewhere);
  writeFileSync(path, whole);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`mpdnn: ${run}/${message}`) });
  expect(readdirSync(join(elsewhere, 'front/seed-0'))).not.toContain('LEARNED_0.8');
});

it('is refused with other images in that place, also for a report', async () => {
  rmSync(join(elsewhere, 'moved/test/red/0.png'));
  for (const more of [[], ['--report']]) {
    const { code, stderr } = await mpdnn(call('0.4', 'moved', ...more), elsewhere);
    expect(code).toBe(2);
    expect(stderr).toMatch(/FLOAT: is of another run: the test images are others/);
  }
  const { code, stderr } = await mpdnn(call('0.4', 'moved', '--data', 'synthetic:48'), elsewhere);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('data was "images:images"') });
});
