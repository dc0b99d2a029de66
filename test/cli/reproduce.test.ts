/** `mpdnn reproduce`: the plan, a report from end to end, and the same report after being killed anywhere. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { network } from '../../src/nn/index.js';
import { OnnxModel } from '../onnx/onnxModel.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { isThorough } from '../tier.js';
import { compiledProgram, killedAtWrite, listing, mpdnn, mpdnnProcess, resultFiles, succeeds } from './runMpdnn.js';

const folder = temporaryFolder();

/** Three runs of the tiny network, the last two of which start from the first. */
const call = (out: string, ...more: string[]) => [
  ...['reproduce', 'parametrizations', '--only', 'U3', '--variant', 'INIT', '--seeds', '3', '--out', out],
  ...['--model', 'tiny', '--data', 'synthetic:96', '--epochs', '2', '--batch-size', '16'],
  ...['--device', 'cpu', '--threads', '1', ...more],
];
const names = ['DEFAULT', 'PARAMETRIC_FP_WQ_DELTA_XMAX_INIT', 'PARAMETRIC_FP_WAQ_DELTA_XMAX_INIT'];
const run = (out: string, name: string) => join(folder, out, 'seed-3', name);
const report = (out: string, name: string) => readFileSync(join(folder, out, 'parametrizations', name), 'utf8');

/** A file of a report without the section that may differ from one execution to the next. */
function withoutTimes(path: string): Buffer {
  const bytes = readFileSync(path);
  if (!/report\.(md|html)$/.test(path)) return bytes;
  const text = bytes.toString('utf8');
  const rest = text.replace(/(<h2>|## )Times[\s\S]*?(?=\n(<h2>|## ))/, '');
  expect(rest.length).toBeLessThan(text.length);
  return Buffer.from(rest);
}

/** Rows of results.csv. */
function epochs(root: string): number {
  return readFileSync(join(root, 'results.csv'), 'utf8').split('\n').length - 2;
}

beforeAll(async () => {
  await succeeds(call('whole'), folder);
});

describe('a plan', () => {
  it('is printed without being run', async () => {
    const { stdout } = await succeeds(call('planned', '--dry-run'), folder);
    const lines = stdout.split('\n').filter((line) => /^\d /.test(line));
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 4))).toEqual([
      ['1', '3', names[0], '–'],
      ['2', '3', names[1], 'DEFAULT'],
      ['3', '3', names[2], 'DEFAULT'],
    ]);
    expect(stdout).toContain('\nimages: synthetic:96\n');
    expect(lines[2]).toMatch(/0\.751 +1\.0 +1\.5 +begins$/);
    const commands = stdout.split('\n').filter((line) => line.startsWith('npx mpdnn train '));
    expect(commands).toHaveLength(3);
    expect(commands[1]).toMatch(
      /^npx mpdnn train PARAMETRIC_FP_WQ_DELTA_XMAX_INIT --cfg \S+train_resnet_quant_fp.cfg .*--seed 3 --out planned\/seed-3$/,
    );
    expect(existsSync(join(folder, 'planned'))).toBe(false);
  });

  it('says what images are missing', async () => {
    const { stdout } = await succeeds(['reproduce', 'cifar10', '--data', 'images:nowhere', '--dry-run'], folder);
    expect(stdout).toMatch(/^images: images:nowhere: MISSING, there is no nowhere; wanted is a folder with train\//m);
  });

  it('of a network of one’s own takes its inputs and outputs for those of the images', async () => {
    const definition = network({ input: [1, 1, 4] }, (n, x) => n.linear(n.flatten(x), 3));
    writeFileSync(join(folder, 'lines.mjs'), `export default ${JSON.stringify(definition)};`);
    const own = ['--model', './lines.mjs', '--data', 'csv:nowhere.csv', '--normalise', 'auto', '--only', 'U3'];
    const { stdout } = await succeeds(['reproduce', 'parametrizations', ...own, '--seeds', '0', '--dry-run'], folder);
    // Fifteen weights and biases.
    expect(stdout).toMatch(/^1 +0 +DEFAULT +– +160 +0\.0586 /m);
  });

  it('of an ONNX file takes the classes of the table, whose images it is for', async () => {
    const m = new OnnxModel();
    const means = m.node('Flatten', [m.node('GlobalAveragePool', ['x'])]);
    writeFileSync(join(folder, 'seven.onnx'), m.file([3, 32, 32], m.node('Gemm', [means, m.weights('w', [3, 7])])));
    const call = [
      'reproduce',
      'parametrizations',
      '--model',
      'seven.onnx',
      '--only',
      'U3',
      '--seeds',
      '0',
      '--dry-run',
    ];
    const { stdout } = await succeeds(call, folder);
    // Forty weights and biases.
    expect(stdout).toMatch(/^1 +0 +DEFAULT +– +160 +0\.156 /m);
  });

  it('of a table whose images nobody has says its sizes, small ones for small images', async () => {
    const line = async (...more: string[]) => {
      const { stdout } = await succeeds(
        [...['reproduce', 'imagenet', '--only', 'mobilenetv2-max', '--dry-run'], ...more],
        folder,
      );
      expect(stdout).toMatch(
        /^images: images:imagenet: MISSING, there is no imagenet; wanted is .* --data images:DIR$/m,
      );
      return stdout.split('\n').find((each) => each.includes('MOBILENETV2_MAX'));
    };
    expect(await line()).toMatch(/^2 +0 +MOBILENETV2_MAX +MOBILENETV2_FLOAT +30 +1695 +588\.0 +2981 +begins$/);
    // 64 pixels a side have (64 / 224)² of the activations.
    expect(await line('--quick')).toMatch(/ 2 +1695 +48\.0 +\d+\.\d +begins$/);
  });

  it('of a quick call takes the images that there are', async () => {
    const quick = ['--only', 'U3', '--quick', '--dry-run', '--model', 'tiny', '--data', 'synthetic:48'];
    const { stdout } = await succeeds(['reproduce', 'parametrizations', ...quick], folder);
    const [first] = stdout.split('\n').filter((line) => line.startsWith('npx mpdnn train '));
    for (const words of ['--batch-size 32', '--limit-train 48', '--validation-split 7', '--limit-val 9'])
      expect(first).toContain(` ${words} `);
  });

  it('has commands that do what it does', async () => {
    const { stdout } = await succeeds(call('alone', '--dry-run'), folder);
    for (const command of stdout.split('\n').filter((line) => line.startsWith('npx mpdnn train '))) {
      await succeeds([...command.split(' ').slice(2), '--no-plots'], folder);
    }
    for (const name of names) expect(resultFiles(run('alone', name))).toEqual(resultFiles(run('whole', name)));
  });
});

describe('a report', () => {
  it('has everything, in one HTML file and in Markdown with its pictures', () => {
    const markdown = report('whole', 'report.md');
    const headings = [...markdown.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual([
      'Results',
      'Learning curves',
      'Why: the gradients',
      'Bits and sizes',
      'Times',
      'How to make this report again',
    ]);
    const pictures = [...markdown.matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)].map(([, picture]) => picture!);
    for (const picture of pictures) expect(existsSync(join(folder, 'whole/parametrizations', picture))).toBe(true);
    expect(report('whole', 'report.html').split('<img ')).toHaveLength(pictures.length + 1);
    const summary = JSON.parse(readFileSync(join(run('whole', names[2]!), 'summary.json'), 'utf8'));
    expect(markdown).toContain(`| U3: step and range \`${names[2]}\` | ${(100 * summary.best_test_err).toFixed(2)} |`);
    expect(markdown).toContain('mpdnn reproduce parametrizations ');
    expect(markdown).toContain('choose the parameters (`select = validation`)');
    expect(markdown).toContain('\n- Network: `tiny`.\n');
    expect(markdown).not.toContain('ResNet-20');
  });

  it('says the same words in HTML as in Markdown', () => {
    const html = report('whole', 'report.html')
      .replace(/^[\s\S]*<main>/, '')
      .replace(/<img alt="([^"]*)"[^>]*>/g, '$1')
      .replace(/<[^>]*>/g, ' ')
      .replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[name]!);
    const markdown = report('whole', 'report.md')
      .replace(/!\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/^(\|[-:|]+\||```\w*)$/gm, '')
      .replace(/^(#+|-) /gm, '')
      .replace(/\*\*|[|`]|(?<=^)\*|\*(?=$)/gm, ' ');
    const words = (text: string) => text.trim().split(/\s+/);
    expect(words(markdown).length).toBeGreaterThan(500);
    expect(words(html)).toEqual(words(markdown));
  });

  it('is the same once more, with nothing trained', async () => {
    const before = resultFiles(run('whole', names[1]!));
    const times = names.map((name) => statSync(join(run('whole', name), 'summary.json')).mtimeMs);
    const texts = ['report.md', 'report.html'].map((name) => report('whole', name));
    const { stderr } = await succeeds(call('whole'), folder);
    expect(stderr.match(/finished before/g)).toHaveLength(3);
    expect(['report.md', 'report.html'].map((name) => report('whole', name))).toEqual(texts);
    expect(names.map((name) => statSync(join(run('whole', name), 'summary.json')).mtimeMs)).toEqual(times);
    expect(resultFiles(run('whole', names[1]!))).toEqual(before);
  });

  it.runIf(isThorough)('is the same, byte for byte, after being killed and interrupted', async () => {
    // The same call in another folder, since the report contains its words.
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    const killed = names.map((name) => join(elsewhere, 'whole/seed-3', name));
    const [first, second] = killed as [string, string, string];
    const reports = join(elsewhere, 'whole/parametrizations');
    const isFinished = (root: string) => existsSync(join(root, 'summary.json'));
    const killedAt = async (write: string) => {
      const { code, stderr } = await mpdnnProcess(call('whole'), elsewhere, { env: killedAtWrite(write) });
      expect(code, stderr).toBe(null);
    };

    // At the start of a run, in the middle of one, between two, by Ctrl-C, in the middle of the last one, and while the
    // report is written.
    await killedAt('seed-3/DEFAULT/results.csv 1');
    expect([existsSync(first), isFinished(first)]).toEqual([true, false]);
    await killedAt('seed-3/DEFAULT/params_last.safetensors 2');
    expect([epochs(first), isFinished(first)]).toEqual([2, false]);
    await killedAt(`seed-3/.${names[1]} 1`);
    expect([isFinished(first), existsSync(second)]).toEqual([true, false]);
    const { code, stderr: said } = await mpdnn(call('whole'), elsewhere, {
      ctrlC: { after: () => existsSync(second), turns: 4 },
    });
    expect({ code, isFinished: isFinished(second) }, said).toEqual({ code: 130, isFinished: false });
    expect(said).toMatch(/\ninterrupted; go on with: (npx )?mpdnn reproduce /);
    await killedAt(`seed-3/${names[2]}/params_last.safetensors 2`);
    expect(killed.map(isFinished)).toEqual([true, true, false]);
    await killedAt('parametrizations/gradients-uniform.svg 1');
    expect(killed.map(isFinished)).toEqual([true, true, true]);
    expect(listing(reports).some((name) => name.endsWith('.tmp'))).toBe(true);
    expect(existsSync(join(reports, 'report.md'))).toBe(false);

    const { stderr } = await succeeds(call('whole'), elsewhere);
    expect(stderr.match(/finished before/g)).toHaveLength(3);
    for (const [index, name] of names.entries())
      expect(resultFiles(killed[index]!)).toEqual(resultFiles(run('whole', name)));
    const files = listing(join(folder, 'whole/parametrizations'));
    expect(listing(reports)).toEqual(files);
    for (const name of files) {
      const [here, there] = [join(reports, name), join(folder, 'whole/parametrizations', name)].map(withoutTimes);
      expect(here!.equals(there!), name).toBe(true);
    }
  });
});

describe.runIf(isThorough)('runs side by side', () => {
  it('leave the same files and the same report, and say how each went', async () => {
    const elsewhere = join(folder, 'beside');
    mkdirSync(elsewhere);
    const { code, stderr } = await mpdnnProcess(call('whole', '--parallel', '2'), elsewhere);
    expect(code, stderr).toBe(0);
    expect(stderr.match(/^\[\d\/3\] seed 3 \w+ {2}test err/gm)).toHaveLength(3);
    for (const name of names)
      expect(resultFiles(join(elsewhere, 'whole/seed-3', name))).toEqual(resultFiles(run('whole', name)));
    // Behind them are times, and the words of the call.
    const [here, there] = [elsewhere, folder].map(
      (place) => readFileSync(join(place, 'whole/parametrizations/report.md'), 'utf8').split('## Times')[0],
    );
    expect(here).toBe(there);
  });

  it('end with checkpoints, and what is wrong with the call of one ends all', async () => {
    const endless = call('endless', '--variant', 'none', '--epochs', '100000', '--force', '--parallel', '2');
    const isBegun = (name: string) => existsSync(run('endless', name.replace('_INIT', '')));
    const { code, stderr } = await mpdnnProcess(endless, folder, {
      interruption: { after: () => names.slice(0, 2).every(isBegun), signal: 'SIGINT' },
    });
    expect(code, stderr).toBe(130);
    expect(stderr).toMatch(/^interrupted; go on with: .* --force --parallel 2\n$/m);
    const left = listing(join(folder, 'endless'));
    expect(left.filter((name) => name.endsWith('checkpoint.safetensors'))).toHaveLength(2);
    expect(left.filter((name) => /summary|\.lock/.test(name))).toEqual([]);
    const wrong = await mpdnnProcess(call('wrong', '--parallel', '2', '--data', 'images:nowhere'), folder);
    expect(wrong).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^mpdnn: nowhere\/train: no such .*\n$/),
    });
  });
});

it('runs that diverge stop no others and are told of in the report', async () => {
  // Without starting weights, so that no run waits for another one.
  const diverging = call('diverged', '--variant', 'none', '--epochs', '8', '--batch-size', '8');
  const absurd = ['--initial-learning-rate', '10', '--weight-decay', '1'];
  const { code, stderr } = await mpdnn([...diverging, ...absurd], folder);
  expect(code, stderr).toBe(1);
  expect(stderr.match(/^\[\d\/3\] seed 3 \w+ {2}failed: .*not a finite number/gm)).toHaveLength(3);
  expect(stderr).toContain('3 of 3 runs gave no result; the report says why\n');
  const texts = ['report.md', 'report.html'].map((name) => report('diverged', name));
  for (const text of texts) {
    expect(text).toContain('3 runs, of which 0 came to their end.');
    expect(text.match(/seed 3: \w+: not a finite number in (step \d+ of|the parameters after) epoch \d/g)).toHaveLength(
      3,
    );
  }
  const again = await mpdnn([...diverging, ...absurd], folder);
  expect(again.code).toBe(1);
  expect(['report.md', 'report.html'].map((name) => report('diverged', name))).toEqual(texts);
});

it('has the bits of every section in a table, where they are not drawn', async () => {
  const few = [
    '--only',
    'Uniform/FP_W2A4Q_INIT',
    '--limit-train',
    '64',
    '--validation-split',
    '32',
    '--limit-val',
    '16',
  ];
  const fast = ['--batch-size', '32', '--data', 'synthetic:96', '--device', 'cpu', '--threads', '1'];
  await succeeds(['reproduce', 'sections', ...few, ...fast], folder);
  const markdown = readFileSync(join(folder, 'reproduction-sections/sections/report.md'), 'utf8');
  expect(markdown).toContain('| experiment | our error % | training loss | bits W | bits A | weights kB |');
  expect(markdown).toMatch(/^\| `FP_W2A4Q_INIT_RLR` \| [\d.]+ \| [\d.]+ \| 2 \| 4 \| 65\.51 \| 8\.00 \| 92\.00 \|$/m);
});

it('has a bar for all runs and one for the run on a terminal', () => {
  expect(spawnSync('script', ['--version']).error, 'util-linux has `script`, which opens the terminal').toBeUndefined();
  const words = call('terminal', '--only', 'float', '--model', 'resnet20').map((word) => `'${word}'`);
  const inner = `stty cols 100; '${process.execPath}' '${compiledProgram()}' ${words.join(' ')}`;
  const { stdout } = spawnSync('script', ['-qec', inner, '/dev/null'], { cwd: folder, encoding: 'utf8' });
  expect(stdout).toMatch(/ run 1 of 1 {2}seed 3 {2}DEFAULT/);
  expect(stdout).toMatch(/ epoch 1\/2 {2}\d+ img\/s {2}loss /);
  expect(stdout.split(/\r?\n/).filter((line) => line.includes('[1/1] seed 3 DEFAULT  test err'))).toHaveLength(1);
});

describe('runs that stand in the way', () => {
  it('of other settings are refused with what differs, and replaced with --force', async () => {
    const other = await mpdnn(call('whole', '--epochs', '1'), folder);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toMatch(
      /^mpdnn: whole\/seed-3\/DEFAULT: is of another run: epochs was 2, now it is 1; .* --force\n$/,
    );
    await succeeds(call('forced'), folder);
    const { stderr } = await succeeds(call('forced', '--epochs', '1', '--force'), folder);
    expect(stderr).not.toContain('finished before');
    expect(report('forced', 'report.md')).toContain('1 epoch; seed 3.');
  });

  it('that started from other parameters are refused', async () => {
    await succeeds(call('stale', '--only', 'U3-W'), folder);
    rmSync(run('stale', 'DEFAULT'), { recursive: true });
    writeFileSync(join(folder, 'stale.cfg'), '[DEFAULT]\nnormalise = symmetric\nweight_decay = 0.1\n');
    const settings = JSON.parse(readFileSync(join(run('whole', 'DEFAULT'), 'config.json'), 'utf8'));
    expect(settings.starting_weights).toBeNull();
    // Other parameters in the same place, with the settings of the plan.
    const train = [
      'train',
      'DEFAULT',
      '--cfg',
      'stale.cfg',
      '--data',
      'synthetic:96',
      '--epochs',
      '2',
      '--batch-size',
      '16',
    ];
    const start = ['--w-stepsize', 'published', '--a-stepsize', 'published'];
    const more = [
      '--model',
      'tiny',
      '--select',
      'validation',
      '--seed',
      '3',
      '--device',
      'cpu',
      '--out',
      'stale/seed-3',
      '--no-plots',
    ];
    await succeeds([...train, ...start, ...more], folder);
    const config = join(run('stale', 'DEFAULT'), 'config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace('"weight_decay": 0.1', '"weight_decay": 0.0002'));
    const { code, stderr } = await mpdnn(call('stale', '--only', 'U3-W'), folder);
    expect(code).toBe(2);
    expect(stderr).toContain('it started from other parameters');
  });
});

describe('a call that is wrong', () => {
  it.each([
    [['reproduce', 'cifar11'], /cifar11.*invalid.*parametrizations, cifar10, imagenet, sections/],
    [['reproduce', 'cifar10', '--seeds', '1,x'], /give whole numbers, such as 0,1,2/],
    [['reproduce', 'cifar10', '--variant', 'FAST'], /--variant FAST: cifar10 has INIT_RLR, INIT, INIT_RRLR/],
    [
      ['reproduce', 'parametrizations', '--only', 'U4'],
      /--only U4: no row of parametrizations begins so; rows: float, U1-W/,
    ],
    [['reproduce', 'cifar10', '--submit', '--parallel', '2'], /--parallel: is for runs on this machine; .* --at-once/],
    [['reproduce', 'cifar10', '--epochs', '0'], /--epochs = 0: must be an integer from 1/],
    [['reproduce', 'cifar10', '--data', 'nothing'], /--data = nothing: must be/],
  ])('%j', async (args, message) => {
    const { code, stderr } = await mpdnn(args, folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(listing(join(folder, 'reproduction'))).toEqual([]);
  });
});
