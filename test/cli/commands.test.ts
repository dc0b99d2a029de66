/** Every command from end to end: what a run leaves, how others read it, what stands on stdout. */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { StepProfile } from '../../src/cli/benchProfile.js';
import { readSafetensors, safetensorsFile } from '../../src/weights/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { compiledProgram, listing, mpdnn, mpdnnProcess, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);

function json<T>(path: string): T {
  return JSON.parse(readFileSync(join(folder, path), 'utf8')) as T;
}

interface Summary {
  readonly best_val_err: number | null;
  readonly last_val_err: number;
  readonly weights_kb: number;
  readonly bits: Readonly<Record<string, number>>;
}

beforeAll(async () => {
  await succeeds(['train', 'FLOAT', '--cfg', cfg], folder);
});

describe('train', () => {
  it('leaves a complete run folder and one line an epoch', async () => {
    const { stdout, stderr } = await succeeds(['train', 'ADAM', '--cfg', cfg], folder);
    const epochs = stderr.split('\n').filter((line) => line.startsWith('epoch '));
    expect(epochs).toHaveLength(3);
    for (const line of epochs) {
      expect(line).toMatch(
        /^epoch \d\/3 {2}loss \d+\.\d{4} {2}train err .* % {2}test err .* % {2}W .* kB {2}A\(max\) .* kB {2}\d+ img\/s/,
      );
    }
    expect(`${stdout}${stderr}`).not.toContain('\u001b');
    expect(stdout).toMatch(/^layer .* bits W/);
    expect(listing(join(folder, 'experiments', 'ADAM'))).toEqual([
      'checkpoint.safetensors',
      'config.json',
      'live.jsonl',
      'network.json',
      'params_best.safetensors',
      'params_last.safetensors',
      'plots',
      ...['accuracy', 'bitwidths', 'losses', 'sizes'].flatMap((name) => [`plots/${name}.png`, `plots/${name}.svg`]),
      'quantizers.csv',
      'results.csv',
      'sizes.csv',
      'summary.json',
      'test_accs_q.csv',
      'test_losses_q.csv',
      'train_accs_q.csv',
      'train_losses_q.csv',
    ]);
  });

  it('keeps a guaranteed budget at the end of every epoch', async () => {
    const out = join(folder, 'guaranteed');
    const { stderr } = await succeeds(['train', 'GUARANTEED', '--cfg', cfg, '--no-plots', '--out', out], folder);
    expect(stderr).toContain(
      'budget: with the fewest bits weights need 0.376 of 0.45 kB, activations (peak) need 3.25 of 4 kB',
    );
    expect(stderr.match(/^epoch .* W .*\/0\.45 kB {2}A\(peak\) .*\/4 kB .* inside/gm)).toHaveLength(3);
    const [header, ...rows] = readFileSync(join(out, 'GUARANTEED', 'sizes.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(header).toBe('epoch,weights_kb,activations_max_kb,activations_sum_kb,activations_peak_kb,gbops,cost');
    for (const row of rows) {
      const [, weights, , , peak] = row.split(',').map(Number);
      expect(weights).toBeLessThanOrEqual(0.45);
      expect(peak).toBeLessThanOrEqual(4);
    }
    // The first epoch ends the search: it leaves no room for another bit of the smaller layers.
    expect(Number(rows[0]?.split(',')[1])).toBeGreaterThan(0.43);
    const summary = JSON.parse(readFileSync(join(out, 'GUARANTEED', 'summary.json'), 'utf8'));
    expect(summary).toMatchObject({ epochs: 3, budget_held_epochs: 3 });
  });

  it('keeps a guaranteed budget of bit operations at the end of every epoch', async () => {
    const call = ['train', 'GUARANTEED', '--cfg', cfg, '--no-plots', '--out', 'operations'];
    const target = ['--target-weight-kbytes', '-1', '--target-activation-kbytes', '-1', '--target-gbops', '0.0013'];
    const { stderr } = await succeeds([...call, ...target], folder);
    expect(stderr).toContain('budget: with the fewest bits products need 0.00105 of 0.0013 GBOPs');
    expect(stderr.match(/^epoch .* kB {2}0\.001\d+\/0\.0013 GBOPs .* inside/gm)).toHaveLength(3);
    const sizes = readFileSync(join(folder, 'operations/GUARANTEED/sizes.csv'), 'utf8').trim().split('\n').slice(1);
    const operations = sizes.map((row) => Number(row.split(',').at(-2)));
    expect(operations).toHaveLength(3);
    for (const gbops of operations) expect(gbops).toBeLessThanOrEqual(0.0013);
    // Room above the fewest bits is used.
    expect(operations.at(-1)).toBeGreaterThan(0.00104);
    const impossible = await mpdnn([...call, '--force', ...target, '--target-gbops', '0.001'], folder);
    expect(impossible).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        '--target-gbops = 0.001: cannot be met: with the fewest bits that the limits allow, products need 0.00105 GBOPs, ',
      ),
    });
  });

  it('keeps a guaranteed budget of energy at the end of every epoch', async () => {
    const call = ['train', 'GUARANTEED', '--cfg', cfg, '--no-plots', '--out', 'energy'];
    const target = ['--target-weight-kbytes', '-1', '--target-activation-kbytes', '-1', '--target-cost', '60000'];
    const { stderr } = await succeeds([...call, ...target, '--costs', 'energy-45nm'], folder);
    expect(stderr.match(/^epoch .* kB {2}cost \d+\/60000 .* inside/gm)).toHaveLength(3);
    const sizes = readFileSync(join(folder, 'energy/GUARANTEED/sizes.csv'), 'utf8').trim().split('\n').slice(1);
    for (const row of sizes) expect(Number(row.split(',').at(-1))).toBeLessThanOrEqual(60_000);
    const summary = JSON.parse(readFileSync(join(folder, 'energy/GUARANTEED/summary.json'), 'utf8'));
    expect(summary.budget_held_epochs).toBe(3);
  });

  it('prunes channels for a budget below two bits a weight, says which, and counts them so when it evaluates', async () => {
    const call = ['train', 'GUARANTEED', '--cfg', cfg, '--no-plots', '--out', 'pruned'];
    const target = ['--target-weight-kbytes', '0.3', '--target-activation-kbytes', '-1', '--budget-prune', 'true'];
    const { stdout, stderr } = await succeeds([...call, ...target], folder);
    expect(stderr).toContain('budget: with the fewest bits and channels weights need 0.0137 of 0.3 kB');
    expect(stdout).toMatch(/^channels left: conv\d \d+ of (8|16)/m);
    const { weights_kb } = json<{ weights_kb: number }>('pruned/GUARANTEED/summary.json');
    expect(weights_kb).toBeLessThanOrEqual(0.3);
    const evaluated = await succeeds(['eval', 'pruned/GUARANTEED'], folder);
    expect(evaluated.stdout).toContain(`weights ${weights_kb.toFixed(3)} kB`);
  });

  it('says where a precision that was asked for has no effect', async () => {
    const args = ['train', 'FLOAT', '--cfg', cfg, '--no-plots', '--matmul-precision', 'float16x2', '--out', 'precise'];
    const { stderr } = await succeeds(args, folder);
    const device = 'cpu: 1 thread, WebAssembly (relaxed )?SIMD \\(matmul_precision = float16x2 has no effect\\)';
    expect(stderr).toMatch(new RegExp(device));
    expect(json<{ settings: object }>('precise/FLOAT/config.json').settings).toMatchObject({
      matmul_precision: 'float16x2',
    });
  });

  it('redraws one line on a terminal of 80 columns, which it never fills', async () => {
    expect(
      spawnSync('script', ['--version']).error,
      'util-linux has `script`, which opens the terminal',
    ).toBeUndefined();
    // Long enough for a bar: the tiny network ends before one is drawn.
    const longer = '--model resnet20 --data synthetic:256 --epochs 2';
    const options = `${longer} --target-weight-kbytes 120 --target-activation-kbytes 12 --no-plots --out terminal`;
    const call = `stty cols 80; '${process.execPath}' '${compiledProgram()}' train BUDGET --cfg '${cfg}' ${options}`;
    const { stdout } = spawnSync('script', ['-qec', call, '/dev/null'], { cwd: folder, encoding: 'utf8' });
    // Cursor to column one starts a frame; other control sequences take no room.
    const sequence = '\u001b\\[';
    const lines = stdout.split(/\r?\n/).slice(0, -1);
    const frames = stdout
      .split(new RegExp(`${sequence}1G|\r|\n`))
      .map((frame) => frame.replace(new RegExp(`${sequence}[?\\d;]*[a-zA-Z]|\u001b[78]`, 'g'), ''));
    const bars = frames.filter((frame) => frame.includes('░') || frame.includes(' left'));
    expect(bars.length).toBeGreaterThan(2);
    expect(
      bars.some((bar) => /2\/2 {2}\d+ img\/s {2}loss \S+ {2}err \d+ % {2}W \S+\/120 {2}A \S+\/12 kB/.test(bar)),
    ).toBe(true);
    expect(bars.some((bar) => bar.endsWith(' left'))).toBe(true);
    for (const bar of bars) expect(bar.length).toBeLessThan(80);
    const epochs = frames.filter((frame) => frame.startsWith('epoch '));
    expect(epochs).toHaveLength(2);
    for (const line of epochs) expect(line.length).toBeLessThan(80);
    // A bar is drawn over, not left behind: a line for the budget, one for the run, two for epochs, then the table.
    expect(lines.findIndex((line) => line.includes('bits W'))).toBe(4);
  });

  it('takes MobileNetV2, of any width, for any section', async () => {
    const options = [
      '--model',
      'mobilenetv2',
      '--width-multiplier',
      '0.25',
      '--out',
      'mobile',
      '--epochs',
      '1',
      '--limit-train',
      '32',
    ];
    const { stderr } = await succeeds(['train', 'BUDGET', '--cfg', cfg, ...options], folder);
    expect(stderr).toMatch(/^epoch 1\/1 {2}loss \d+\.\d{4} /m);
    const { settings } = json<{ settings: Record<string, unknown> }>('mobile/BUDGET/config.json');
    expect(settings).toMatchObject({ model: 'mobilenetv2', width_multiplier: 0.25 });
    const { tensors } = readSafetensors(join(folder, 'mobile/BUDGET/params_last.safetensors'));
    const shapes = Object.fromEntries([...tensors.values()].map(({ name, shape }) => [name, shape]));
    expect(shapes).toMatchObject({
      'features.1.conv.0.0.weight': [8, 1, 3, 3],
      'features.17.conv.2.weight': [80, 240, 1, 1],
      'classifier.1.weight': [10, 1280],
      'features.17.conv.0.2/Aquant/parametric_fp_d_xmax/d': [],
    });
    const evaluated = await succeeds(['eval', 'mobile/BUDGET', '--last', '--json'], folder);
    const { last_val_err } = json<Summary>('mobile/BUDGET/summary.json');
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ error: last_val_err });
    const other = await mpdnn(['train', 'BUDGET', '--cfg', cfg, '--width-multiplier', '0.5', '--out', 'none'], folder);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toBe('mpdnn: --width-multiplier = 0.5: must be 1 for model tiny, whose width is fixed\n');
  });

  it('starts from the best parameters of another experiment, which has to be there', async () => {
    const published = resolve('configs/train_resnet_quant_fp.cfg');
    const options = ['--cfg', published, '--data', 'synthetic:16', '--batch-size', '8', '--epochs', '1', '--no-plots'];
    const args = [...options, '--device', 'cpu', '--threads', '1', '--out', 'published'];
    const missing = await mpdnn(['train', 'FP_W2Q_INIT', ...args], folder);
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    const command = `npx mpdnn train DEFAULT --cfg ${published} --data synthetic:16 --out published`;
    expect(missing.stderr).toMatch(/^mpdnn: [^\n]+\n$/);
    expect(missing.stderr).toContain(`experiment DEFAULT has not been trained yet; first run: ${command}`);
    expect(existsSync(join(folder, 'published'))).toBe(false);
    await succeeds(['train', 'DEFAULT', ...args], folder);
    const { stderr } = await succeeds(['train', 'FP_W2Q_INIT', ...args], folder);
    expect(stderr).toMatch(/starts from published\/DEFAULT\/params_best.safetensors: \d+ tensors taken, 0 fresh/);
  });
});

describe('the data of an experiment that names none', () => {
  beforeAll(() => {
    writeFileSync(join(folder, 'nodata.cfg'), '[A]\nepochs = 1\ndevice = cpu\nbatch_size = 4000\n');
  });

  it('are never replaced by others: where CIFAR-10 is not to be had the message says how to get it', async () => {
    const { code, stderr } = await mpdnn(['train', 'A', '--cfg', 'nodata.cfg', '--out', 'asked'], folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^mpdnn: CIFAR-10 was not found in .\/data and the download failed: .*; put http.* or use --data synthetic\n$/,
    );
    expect(existsSync(join(folder, 'asked'))).toBe(false);
  });

  it('and a cache folder that cannot be written are said in one line', async () => {
    writeFileSync(join(folder, 'file'), '');
    const env = { XDG_CACHE_HOME: join(folder, 'file') };
    const args = ['train', 'A', '--cfg', 'nodata.cfg', '--data', 'cifar10', '--out', 'uncached'];
    const outcome = await mpdnn(args, folder, { env });
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toMatch(/^mpdnn: .* cannot be written \(ENOTDIR\); XDG_CACHE_HOME names another .*\n$/);
  });
});

describe('eval', () => {
  it('takes fewer images than a batch', async () => {
    const args = ['eval', 'experiments/FLOAT', '--data', 'synthetic:10', '--json'];
    const { stdout } = await succeeds(args, folder);
    expect(JSON.parse(stdout)).toMatchObject({ run: 'FLOAT', images: 2, loss: expect.any(Number) });
  });

  it('needs the settings and the parameters of a run only', async () => {
    mkdirSync(join(folder, 'bare'));
    for (const file of ['config.json', 'params_best.safetensors'])
      cpSync(join(folder, 'experiments/FLOAT', file), join(folder, 'bare', file));
    const { stdout, stderr } = await succeeds(['eval', 'bare', '--json'], folder);
    const { error } = JSON.parse((await succeeds(['eval', 'experiments/FLOAT', '--json'], folder)).stdout);
    expect([JSON.parse(stdout).error, stderr]).toEqual([error, '']);
  });

  it.each(['BUDGET', 'FP', 'POW2', 'EXTENDED', 'PER_CHANNEL'])('of %s repeats the errors of the run', async (name) => {
    await succeeds(['train', name, '--cfg', cfg, '--out', 'evaluated', '--no-plots', '--epochs', '2'], folder);
    const run = `evaluated/${name}`;
    const summary = json<Summary>(`${run}/summary.json`);
    const results = readFileSync(join(folder, run, 'results.csv'), 'utf8')
      .trim()
      .split('\n');
    const losses = readFileSync(join(folder, run, 'test_losses_q.csv'), 'utf8')
      .trim()
      .split('\n');
    const last = await succeeds(['eval', run, '--last', '--json'], folder);
    expect(last.stdout).toMatch(/^\{[^\n]*\}\n$/);
    expect(last.stderr).toBe('');
    const evaluated = JSON.parse(last.stdout) as Record<string, unknown>;
    expect(evaluated).toMatchObject({
      run: name,
      images: 19,
      error: Number(results.at(-1)?.split(',')[2]),
      loss: Number(losses.at(-1)?.split(',')[1]),
    });
    expect(evaluated.error).toBe(summary.last_val_err);
    expect(summary).toMatchObject({ select: 'test', best_test_err: summary.best_val_err });
    expect(summary).toMatchObject({ last_test_err: summary.last_val_err });
    const best = await mpdnn(['eval', run, '--json', '--threads', '2'], folder);
    const { weights_kb, bits } = summary;
    if (summary.best_val_err === null) {
      expect(evaluated).toMatchObject({ weights_kb, bits });
      expect(best).toMatchObject({ code: 2, stdout: '' });
      expect(best.stderr).toContain('no epoch obeyed the budget yet');
    } else {
      expect(JSON.parse(best.stdout)).toMatchObject({ error: summary.best_val_err, weights_kb, bits });
    }
  });

  it('of a run that keeps the last epoch is of that one, though an earlier one was better', async () => {
    const args = ['--select', 'last', '--epochs', '6', '--initial-learning-rate', '2', '--out', 'kept', '--no-plots'];
    const { stderr, stdout } = await succeeds(['train', 'FLOAT', '--cfg', cfg, ...args], folder);
    expect(stderr).toContain('  96 images  ');
    expect(stderr).not.toContain('best');
    expect(stdout).toMatch(/^test error \d+\.\d\d % in epoch 6, the last one; 6 epochs in /m);
    const lines = readFileSync(join(folder, 'kept/FLOAT/results.csv'), 'utf8').trim().split('\n').slice(1);
    const errors = lines.map((line) => Number(line.split(',')[2]));
    const last = errors.at(-1)!;
    expect(Math.min(...errors)).toBeLessThan(last);
    expect(json<Summary>('kept/FLOAT/summary.json')).toMatchObject({
      ...{
        select: 'last',
        best_epoch: 6,
        best_val_err: last,
        best_test_err: last,
        last_val_err: last,
        last_test_err: last,
      },
    });
    const kept = await succeeds(['eval', 'kept/FLOAT', '--json'], folder);
    expect(JSON.parse(kept.stdout)).toMatchObject({ images: 19, error: last });
  });

  it('of a run whose parameters a validation split chose is of the test images', async () => {
    const args = ['--select', 'validation', '--validation-split', '16', '--out', 'honest', '--no-plots'];
    const { stderr, stdout } = await succeeds(['train', 'ADAM', '--cfg', cfg, ...args], folder);
    expect(stderr).toContain('  80 images  ');
    expect(stdout).toMatch(
      /best validation error .* % \(on the test images .* %\) in epoch \d, last .* % \(on the test images/,
    );
    const [header, ...lines] = readFileSync(join(folder, 'honest/ADAM/results.csv'), 'utf8').trim().split('\n');
    expect(header).toBe('iter,train_err,val_err,loss,loss1,loss2,loss3,test_err');
    const rows = lines.map((line) => line.split(',').map(Number));
    const chosen = rows.reduce((best, row) => (row[2]! < best[2]! ? row : best));
    const summary = json<Summary>('honest/ADAM/summary.json');
    expect(summary).toMatchObject({
      select: 'validation',
      best_epoch: chosen[0],
      best_val_err: chosen[2],
      best_test_err: chosen[7],
      last_val_err: rows.at(-1)?.[2],
      last_test_err: rows.at(-1)?.[7],
    });
    // 16 images choose, 19 are reported.
    expect(Number.isInteger(16 * chosen[2]!)).toBe(true);
    const best = await succeeds(['eval', 'honest/ADAM', '--json'], folder);
    expect(JSON.parse(best.stdout)).toMatchObject({ images: 19, error: chosen[7] });
    const last = await succeeds(['eval', 'honest/ADAM', '--last', '--json'], folder);
    expect(JSON.parse(last.stdout)).toMatchObject({ images: 19, error: rows.at(-1)?.[7] });
  });

  it('tells the errors of the classes, whose wrong predictions are those of all inputs', async () => {
    const { stdout } = await succeeds(['eval', 'experiments/FLOAT', '--each', '--json'], folder);
    const { each, error, images } = JSON.parse(stdout);
    const sum = (of: (row: { inputs: number; error: number }) => number) =>
      each.reduce((total: number, row: { inputs: number; error: number }) => total + of(row), 0);
    expect(sum(({ inputs }) => inputs)).toBe(images);
    expect(sum((row) => row.error * row.inputs)).toBeCloseTo(error * images, 9);
    const told = await succeeds(['eval', 'experiments/FLOAT', '--each'], folder);
    expect(told.stdout).toMatch(/^class +inputs +error +mostly taken for$/m);
  });

  it('says it in words without --json', async () => {
    const { stdout } = await succeeds(['eval', 'experiments/FLOAT', '--limit-val', '10'], folder);
    expect(stdout).toMatch(/^FLOAT {2}error .* % {2}loss .* {2}on 10 images\nweights 6\.01 kB/);
  });
});

describe('plot', () => {
  it('of one run and of two', async () => {
    const one = await succeeds(['plot', 'experiments/FLOAT'], folder);
    expect(one.stdout).toContain('experiments/FLOAT/plots/losses.svg\n');
    const elsewhere = await succeeds(['plot', 'experiments/FLOAT', '--out', 'one'], folder);
    expect(elsewhere.stdout).toBe(one.stdout.replaceAll('experiments/FLOAT/plots', 'one'));
    await succeeds(['train', 'FLOAT', '--cfg', cfg, '--out', 'second', '--seed', '5', '--no-plots'], folder);
    const two = await succeeds(['plot', 'experiments/FLOAT', 'second/FLOAT', '--out', 'both/plots'], folder);
    const paths = two.stdout.trim().split('\n');
    expect(paths.length).toBeGreaterThanOrEqual(2);
    expect(listing(join(folder, 'both'))).toEqual(['plots', ...paths.map((path) => path.slice('both/'.length)).sort()]);
  });
});

describe('compare', () => {
  it('lays finished runs side by side, in a table, a picture and JSON', async () => {
    await succeeds(['train', 'FP', '--cfg', cfg, '--out', 'compared', '--no-plots'], folder);
    const runs = ['experiments/FLOAT', 'compared/FP'];
    const { stdout } = await succeeds(['compare', ...runs, '--out', 'compared/plots'], folder);
    expect(stdout).toMatch(/^ +run +test err +W kB +A kB +bits W +bits A +epochs +time/);
    expect(stdout).toMatch(/\n1 +FLOAT +\d+\.\d\d % +6.01 +8.00 +float +float +1 +\d+ s(?: +beaten by 2)?\n/);
    expect(stdout).toMatch(/\n2 +FP +\d+\.\d\d % +0.75 +1.00 +4 +4 +2 +\d+ s +chosen by test images/);
    expect(stdout).toMatch(/\ncompared\/plots\/comparison.svg\ncompared\/plots\/comparison.png\n$/);
    expect(listing(join(folder, 'compared/plots'))).toEqual(['comparison.png', 'comparison.svg']);
    const options = ['--json', '--labels', 'float,4 bits', '--out', 'compared/plots'];
    const result = JSON.parse((await succeeds(['compare', ...runs, ...options], folder)).stdout);
    expect(result).toMatchObject({
      runs: [
        { name: 'float', run: 'experiments/FLOAT', select: 'test', weight_bits: null },
        {
          name: '4 bits',
          weight_bits: { min: 4, mean: 4, max: 4 },
          test_err: json<Summary>('compared/FP/summary.json').best_val_err,
        },
      ],
      pictures: ['compared/plots/comparison.svg', 'compared/plots/comparison.png'],
    });
  });
});

describe('experiments', () => {
  it('lists every section', async () => {
    const text = await succeeds(['experiments', '--cfg', cfg], folder);
    expect(text.stdout).toMatch(/BUDGET .*weights 0\.8 kB/);
    const { stdout } = await succeeds(['experiments', '--json'], folder);
    const rows = JSON.parse(stdout) as { name: string; cfg: string }[];
    const published = rows.filter(({ cfg: path }) => path.includes('train_resnet_quant'));
    expect(published.filter(({ name }) => name !== 'DEFAULT')).toHaveLength(155);
  });
});

it('lists sections in no more columns than a page has', async () => {
  const { stdout } = await succeeds(['experiments'], folder);
  const tables = stdout.split('\n').filter((line) => !line.endsWith('.cfg'));
  expect(tables.length).toBeGreaterThan(155);
  expect(Math.max(...tables.map((line) => line.length))).toBeLessThanOrEqual(100);
});

it('a section has as many run folders as it is given names', async () => {
  const call = ['train', 'FLOAT', '--cfg', cfg, '--no-plots', '--out', 'named'];
  await succeeds([...call, '--name', 'rate-0.05', '--initial-learning-rate', '0.05'], folder);
  await succeeds([...call, '--name', 'rate-0.1', '--initial-learning-rate', '0.1'], folder);
  expect(listing(join(folder, 'named')).filter((path) => !path.includes('/'))).toEqual(['rate-0.05', 'rate-0.1']);
  expect(json('named/rate-0.05/config.json')).toMatchObject({
    experiment: 'FLOAT',
    settings: { name: 'rate-0.05', initial_learning_rate: 0.05 },
  });
  const again = await mpdnn([...call, '--name', 'rate-0.1'], folder);
  expect(again).toMatchObject({ code: 2, stdout: '' });
  expect(again.stderr).toBe(
    'mpdnn: named/rate-0.1: exists already; --resume goes on with it, --force replaces it, --name NAME makes another beside it\n',
  );
  expect((await mpdnn([...call, '--name', 'a/b'], folder)).stderr).toBe(
    'mpdnn: --name = a/b: must be a name without slashes or a leading dot, or auto\n',
  );
  await succeeds(['eval', 'named/rate-0.05', '--limit-val', '8'], folder);
});

describe('rules for single layers', () => {
  const table =
    /tensor +quantizer +bits +rules\nconv1\/quantized_conv\/W +parametric_fp_d_xmax +8, 2 or more +conv1\*\nconv1 +none +32 +conv1\*\n/;

  it('are shown resolved by experiments', async () => {
    const text = await succeeds(['experiments', '--cfg', cfg], folder);
    expect(text.stdout.match(/layers\n/g)).toEqual(['layers\n']);
    expect(text.stdout).toMatch(table);
    const { stdout } = await succeeds(['experiments', '--cfg', cfg, '--json'], folder);
    const rows = JSON.parse(stdout) as { name: string; layers?: object[] }[];
    expect(rows.filter(({ layers }) => layers).map(({ name }) => name)).toEqual(['EXTENDED']);
    expect(rows.find(({ layers }) => layers)?.layers?.at(-1)).toEqual({
      tensor: 'fc/quantized_affine/b',
      quantizer: 'none',
      bits: '32',
      rules: 'fc/*',
    });
  });

  it('are shown where a run starts, and decide bits and sizes', async () => {
    const options = ['--cfg', cfg, '--epochs', '2', '--no-plots', '--out', 'rules'];
    const { stdout, stderr } = await succeeds(['train', 'EXTENDED', ...options], folder);
    expect(stderr).toMatch(table);
    const { bits, weights_kb } = json<Summary>('rules/EXTENDED/summary.json');
    expect(bits).toMatchObject({ conv1: 32, 'fc/quantized_affine/W': 32, 'fc/quantized_affine/b': 32 });
    expect(bits.conv2).toBeLessThan(32);
    expect(weights_kb).toBeGreaterThan(((16 * 10 + 10) * 32) / 8192);
    expect(stdout).toMatch(/\nfc +32 +- +0\.63 +-\n/);
    const again = await succeeds(['train', 'FLOAT', ...options, '--layers', 'conv1*: a_quantize = fp_relu'], folder);
    expect(again.stderr).toContain('conv1 ');
    expect(listing(join(folder, 'rules/FLOAT'))).toContain('train_losses_q.csv');
    await succeeds(['eval', 'rules/FLOAT', '--last'], folder);
  });
});

it('training from a run that lacks a table says before the first epoch that it cannot be compared', async () => {
  const start = join('lacking', 'FLOAT');
  cpSync(join(folder, 'experiments/FLOAT'), join(folder, start), { recursive: true });
  rmSync(join(folder, start, 'quantizers.csv'));
  const short = ['--epochs', '1', '--limit-train', '16', '--no-plots', '--out', 'unequal'];
  const call = ['train', 'FP', '--cfg', cfg, '--weights', join(start, 'params_best.safetensors'), ...short];
  const { stdout, stderr } = await succeeds(call, folder);
  const fault = `${join(start, 'quantizers.csv')}: no such file`;
  const isSaid = stderr.indexOf(`cannot be compared with that of ${start}: ${fault}\n`);
  expect(isSaid).toBeGreaterThan(0);
  expect(stderr.indexOf('epoch 1/1')).toBeGreaterThan(isSaid);
  expect(stdout).toContain(`not compared with ${start}: ${fault}\nnext:\n`);
  expect(stdout).not.toContain('compare ');
});

describe('steps for single channels', () => {
  const options = ['--cfg', cfg, '--no-plots', '--out', 'channels'];
  const exponentsOf = (run: string) => {
    const { tensors } = readSafetensors(join(folder, 'channels', run, 'params_last.safetensors'));
    return [...tensors].filter(([name]) => name.endsWith('/exponents'));
  };

  it('train, keep a guaranteed budget, start from a file without them, are evaluated', async () => {
    const weights = join(folder, 'experiments/FLOAT/params_best.safetensors');
    await succeeds(['train', 'PER_CHANNEL', ...options, '--weights', weights], folder);
    const summary = json<Summary & { budget_held_epochs: number }>('channels/PER_CHANNEL/summary.json');
    expect(summary.weights_kb).toBeLessThanOrEqual(0.45);
    expect(summary.budget_held_epochs).toBe(3);
    const exponents = exponentsOf('PER_CHANNEL');
    expect(exponents).toHaveLength(3);
    const shapeOf = (layer: string) =>
      exponents.find(([name]) => name === `${layer}/Wquant/parametric_fp_d_xmax/exponents`)?.[1].shape;
    expect([shapeOf('conv1/quantized_conv'), shapeOf('fc/quantized_affine')]).toEqual([[8], [10]]);
    for (const [name, { data }] of exponents) {
      const values = Array.from(data, Number);
      expect(
        values.some((k) => k !== 0 && !Number.isInteger(k)),
        name,
      ).toBe(true);
      expect(
        values.every((k) => Math.abs(k) < 8),
        name,
      ).toBe(true);
    }
    const { stdout } = await succeeds(['eval', 'channels/PER_CHANNEL', '--last', '--json'], folder);
    expect(JSON.parse(stdout)).toMatchObject({ error: summary.last_val_err });
    await succeeds(['plot', 'channels/PER_CHANNEL'], folder);
  });

  it('of fixed quantizers stay as they start; a rule sets single layers, and tables say so', async () => {
    const { tensors } = readSafetensors(join(folder, 'experiments/FLOAT/params_best.safetensors'));
    for (const { shape, data } of [...tensors.values()].filter(({ shape }) => shape.length === 4)) {
      const length = data.length / shape[0]!;
      for (let i = 0; i < data.length; i++) data[i] = Number(data[i]) / 2 ** (Math.floor(i / length) % 4);
    }
    writeFileSync(join(folder, 'uneven.safetensors'), safetensorsFile([...tensors.values()], {}));
    const rule = ['--layers', 'conv2*: w_per_channel = true', '--epochs', '1', '--weights', 'uneven.safetensors'];
    const { stderr } = await succeeds(['train', 'FP', ...options, ...rule], folder);
    expect(stderr).toMatch(/\nconv1\/quantized_conv\/W +fp +4\n/);
    expect(stderr).toMatch(/\nconv2\/quantized_conv\/W +fp per channel +4 +conv2\*\n/);
    const exponents = exponentsOf('FP');
    expect(exponents.length).toBe(1);
    for (const [name, { data }] of exponents) {
      expect(name).toMatch(/^conv2\/.*Wquant\/fp\/exponents$/);
      expect(Array.from(data, Number).every(Number.isInteger)).toBe(true);
    }
    const [, { data }] = exponents[0]!;
    expect(new Set(Array.from(data, Number)).size).toBeGreaterThan(3);
    await succeeds(['eval', 'channels/FP', '--last'], folder);
  });

  it('train on the command line for any kind', async () => {
    await succeeds(['train', 'ADAM', ...options, '--epochs', '1', '--w-per-channel', 'true'], folder);
    const exponents = exponentsOf('ADAM');
    expect(exponents).toHaveLength(3);
    expect(exponents.every(([, { data }]) => Array.from(data, Number).some((k) => k !== 0))).toBe(true);
  });
});

describe('bench, devices, golden', () => {
  it('bench measures', async () => {
    const args = ['bench', 'resnet20-waq', '--batch-size', '8', '--rounds', '1', '--steps', '1', '--json'];
    const { stdout } = await succeeds([...args, '--device', 'cpu', '--threads', '2'], folder);
    const results = JSON.parse(stdout) as { imagesPerSecond: number; firstStepSeconds: number; rounds: number[] }[];
    expect(results).toMatchObject([{ workload: 'resnet20-waq', batch: 8, rounds: [expect.any(Number)] }]);
    expect(results[0]!.imagesPerSecond).toBeGreaterThan(0);
    expect(results[0]!.firstStepSeconds).toBeGreaterThan(0);
  });

  it('bench --profile holds every kernel against what the machine gives', async () => {
    const args = ['bench', 'resnet20-waq', '--batch-size', '4', '--rounds', '1', '--steps', '1', '--profile'];
    const call = [...args, '--device', 'cpu', '--threads', '1'];
    const { stdout } = await succeeds([...call, '--json'], folder);
    const [{ profile }] = JSON.parse(stdout) as [{ profile: StepProfile }];
    expect(profile.ceilings.flopsPerSecond).toBeGreaterThan(0);
    for (const rows of [profile.operations, profile.kernels]) {
      expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
      expect(rows.reduce((sum, { kernels }) => sum + kernels, 0)).toBe(profile.total.kernels);
      for (const { ofCeiling } of rows) expect(ofCeiling).toBeGreaterThan(0);
    }
    const convolutions = profile.kernels.filter(({ operation }) => operation === 'conv2d');
    expect(convolutions.map(({ shapes }) => shapes)).toContain('4×32×32×16, 3×3×16×16');
    for (const { flopsPerSecond } of convolutions) expect(flopsPerSecond).toBeGreaterThan(0);
    const text = await succeeds(call, folder);
    expect(text.stdout).toMatch(/\nceilings: product \d\S* GFLOP\/s, memory in GB\/s \d\S* for 12 KiB, .*\n/);
    expect(text.stdout).toMatch(/\nconv2d +4×32×32×16, 3×3×16×16 +6 .*%\n/);
    expect(text.stdout).toMatch(/\nall +\d.* 100.0 % .*%\n$/);
  });

  it('devices names all engines', async () => {
    const { stdout, stderr } = await succeeds(['devices'], folder);
    expect(stderr).toBe('');
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['cpu', 'gpu', 'reference', '']);
    expect(stdout).toMatch(/cpu +\d+ threads?, WebAssembly/);
  });

  it('golden passes on a part of the files and fails on a changed one', async () => {
    const golden = join(folder, 'golden');
    mkdirSync(golden);
    const text = readFileSync('test/golden/bitwidths.json', 'utf8');
    writeFileSync(join(golden, 'bitwidths.json'), text);
    const good = await succeeds(['golden', golden], folder);
    expect(good.stdout).toMatch(/^bitwidths.json: passed.*\n1 passed, 0 failed\n$/);
    writeFileSync(join(golden, 'bitwidths.json'), text.replace('"bits": 2}', '"bits": 3}'));
    const bad = await mpdnn(['golden', golden], folder);
    expect(bad).toMatchObject({ code: 1, stderr: '' });
    expect(bad.stdout).toMatch(/\n0 passed, 1 failed\n$/);
  });
});

describe('the command line itself', () => {
  it('helps', async () => {
    for (const args of [['--help'], ['train', '--help'], ['help', 'eval']]) {
      const { stdout, stderr } = await succeeds(args, folder);
      expect(stdout).toContain('Usage: mpdnn');
      expect(stderr).toBe('');
    }
  });

  it('takes a closed pipe for no fault', async () => {
    expect(await mpdnnProcess(['experiments'], folder, { closeStdout: true })).toMatchObject({ code: 0, stderr: '' });
  });
});
