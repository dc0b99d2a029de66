/** `mpdnn front` on a tiny network: the plan, its runs inside their budgets, the report, and refusals. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { network } from '../../src/index.js';
import type { PlannedRun } from '../../src/runs/plan/planRuns.js';
import { processLanes } from '../../src/runs/plan/processLanes.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { compiledProgram, mpdnn, mpdnnProcess, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();

writeFileSync(
  join(folder, 'net.cfg'),
  `[DEFAULT]
model = tiny
images = 48
data = synthetic:%(images)s
batch_size = 16
epochs = 2
device = cpu
threads = 1

[NET]
initial_learning_rate = 0.05
`,
);

writeFileSync(join(folder, 'variants.cfg'), '[ANEW]\nfew = 2\nbn_reestimate = %(few)s\n');

// Both files have a key of their own that only fills in others (docs/experiments.md).
const call = (budgets: string, ...more: string[]) => [
  ...['front', 'NET', '--cfg', 'net.cfg', '--budgets', budgets, '--target-activation-kbytes', '1.2'],
  ...['--seeds', '0,1', ...more],
];
const names = ['FLOAT', 'LEARNED_0.4', 'ALLOCATED_0.4', 'SAME_W2A4'];
const report = () => readFileSync(join(folder, 'front/report/report.md'), 'utf8');

beforeAll(async () => {
  await succeeds(call('0.4'), folder);
});

it('plans every way at every budget, each network once, and writes nothing in a dry run', async () => {
  const { stdout } = await succeeds(call('0.75,0.4', '--out', 'planned', '--dry-run'), folder);
  const planned = [...stdout.matchAll(/^\d+ +0 +(\S+)/gm)].map(([, name]) => name);
  expect(planned).toEqual([...names, 'LEARNED_0.75', 'ALLOCATED_0.75', 'SAME_W3A4', 'ENDS_W2A4']);
  expect(stdout).toMatch(/^16 runs, the report goes to planned\/report$/m);
  expect(existsSync(join(folder, 'planned'))).toBe(false);
});

it.each([
  ['4000', 'batch_size = 64, limit_train = 3200, validation_split = 200, limit_val = 800'],
  ['48', 'batch_size = 45, limit_train = 48, validation_split = 3, limit_val = 9'],
])('takes the images that there are in a quick call: %s', async (images, expected) => {
  const { stdout } = await succeeds(call('0.4', '--quick', '--data', `synthetic:${images}`, '--dry-run'), folder);
  const keys = /^(batch_size|limit_train|validation_split|limit_val) = \d+$/gm;
  expect([...stdout.matchAll(keys)].map(([line]) => line).join(', ')).toBe(expected);
});

it('gives all quantized networks a teacher, and the float ones none', async () => {
  const { stdout } = await succeeds(call('0.75', '--distill', 'FLOAT', '--out', 'planned', '--dry-run'), folder);
  const taught = stdout.split(/^\[/m).flatMap((section) => (section.includes('distill = FLOAT\n') ? [section] : []));
  expect(taught.map((section) => section.split(']')[0])).toEqual([
    ...['LEARNED_0.75', 'ALLOCATED_0.75', 'SAME_W3A4', 'ENDS_W2A4'],
  ]);
});

it('takes a network of one’s own', async () => {
  const own = network({ input: [32, 32, 3] }, (n, x) => n.linear(n.globalAverage(n.conv(x, 8)), 10));
  writeFileSync(join(folder, 'own.mjs'), `export default ${JSON.stringify(own)};`);
  const { stdout } = await succeeds(call('0.1', '--model', './own.mjs', '--out', 'planned', '--dry-run'), folder);
  // 3·3·3·8 + 8·10 weights and 10 biases in float, then with 2 bits.
  expect(stdout).toMatch(/^1 +0 +FLOAT +– +2 +1\.2 /m);
  expect(stdout).toMatch(/^4 +0 +SAME_W2A\d +FLOAT +2 +0\.0747 /m);
});

it('keeps every budget and says what came of it', () => {
  for (const seed of ['seed-0', 'seed-1'])
    for (const name of names) {
      const summary = JSON.parse(readFileSync(join(folder, 'front', seed, name, 'summary.json'), 'utf8'));
      const [, budget = '99'] = /_(\d\.\d+)$/.exec(name) ?? [];
      expect(summary.weights_kb).toBeLessThanOrEqual(Number(budget));
    }
  const text = report();
  expect(text).toContain('- 8 runs; every one came to its end.');
  expect(text.match(/^\| 0\.4 \| learned bits `LEARNED_0\.4` \| /gm)).toHaveLength(3);
  expect(text).toMatch(/^\| 0\.4 \| learned .* \| the same bits, 8 at the ends \| no bits that are alike fit \|/m);
  // Below 1 kB three digits.
  expect(text).toMatch(/^\| the same bits `SAME_W2A4` \| .* \| 0\.\d{3} \| 1\.\d{2} \|/m);
  for (const picture of ['front', 'bits']) expect(existsSync(join(folder, `front/report/${picture}.png`))).toBe(true);
});

it('has sections that train the same alone', async () => {
  const alone = ['--cfg', 'front/front.cfg', '--seed', '1', '--out', 'alone', '--no-plots'];
  await succeeds(['train', 'FLOAT', ...alone], folder);
  await succeeds(['train', 'LEARNED_0.4', ...alone], folder);
  expect(resultFiles(join(folder, 'alone/LEARNED_0.4'))).toEqual(resultFiles(join(folder, 'front/seed-1/LEARNED_0.4')));
});

it('trains some of its runs and no others, if asked to', async () => {
  const some = ['--run', 'seed-1/FLOAT', '--run', 'seed-0/FLOAT', '--out', 'some'];
  await succeeds(call('0.4', ...some), folder);
  expect(readdirSync(join(folder, 'some')).toSorted()).toEqual(['seed-0', 'seed-1']);
  for (const seed of ['seed-0', 'seed-1']) {
    expect(readdirSync(join(folder, 'some', seed))).toEqual(['FLOAT']);
    expect(resultFiles(join(folder, 'some', seed, 'FLOAT'))).toEqual(resultFiles(join(folder, 'front', seed, 'FLOAT')));
  }
  const dry = await mpdnn(call('0.4', ...some, '--dry-run'), folder);
  expect(dry).toMatchObject({ code: 2, stdout: '' });
  expect(dry.stderr).toContain("option '--run <path>' cannot be used with option '--dry-run'");
  const outcome = await mpdnn(call('0.4', ...some, '--run', 'seed-7/FLOAT'), folder);
  expect(outcome).toMatchObject({ code: 2, stdout: '' });
  expect(outcome.stderr).toMatch(/^mpdnn: --run seed-7\/FLOAT: is no run of this plan; its runs: seed-0\/FLOAT, /);
});

it('trains them side by side, and those of a lane together, which is told where no GPU can', async () => {
  const only = ['--run', 'seed-1/LEARNED_0.4', '--run', 'seed-1/ALLOCATED_0.4'];
  const { code, stderr } = await mpdnnProcess(call('0.4', ...only, '--out', 'some', '--parallel', '2'), folder);
  expect([code, stderr.match(/^\[\d\/2\] seed 1 \w+_0\.4 {2}test err/gm)?.length, stderr.includes('NOTE')]).toEqual([
    0,
    2,
    false,
  ]);
  const floats = ['seed-0/FLOAT', 'seed-1/FLOAT'];
  const places = ['--cfg', join(folder, 'net.cfg'), '--out', join(folder, 'lane')];
  const runs = floats.flatMap((path) => ['--run', path]);
  const command = [process.execPath, compiledProgram(), ...call('0.4', ...places, ...runs, '--tell')];
  const lane = processLanes([2], () => command).open(2);
  const notes: string[] = [];
  const how = {
    ...{ events: { task: () => {}, line: () => {} }, signal: new AbortController().signal, onTraining: () => {} },
    note: (text: string) => notes.push(text),
  };
  const ends = await Promise.all(floats.map((path) => lane.train({ path } as PlannedRun, how)));
  expect(ends).toEqual([{ type: 'finished' }, { type: 'finished' }]);
  expect(notes).toEqual([expect.stringMatching(/^NOTE: runs on the CPU train one after another here; /)]);
});

it('is the same once more, with nothing trained', async () => {
  const before = report();
  const { stderr } = await succeeds(call('0.4'), folder);
  expect(stderr.match(/finished before/g)).toHaveLength(8);
  expect(report()).toBe(before);
});

it('makes the report of what is finished, if asked to train nothing, and says what is missing', async () => {
  const { stderr } = await succeeds(call('0.4,0.75', '--seeds', '0,1,2', '--distill', 'none', '--report'), folder);
  expect(stderr.match(/^\[.*\] seed \d \w.* {2}not finished$/gm)).toHaveLength(16);
  expect(existsSync(join(folder, 'front/seed-0/LEARNED_0.75'))).toBe(false);
  const text = report();
  expect(text).toContain('- 24 runs, of which 8 came to their end.');
  expect(text).toMatch(/^\| learned bits `LEARNED_0\.4` \| .* ± .* \(2 of 3 seeds\) \| .* \| seed 2: not run \|$/m);
  expect(text).toMatch(/^Not run with any seed, .*: `LEARNED_0\.75`, `ALLOCATED_0\.75`, `SAME_W3A4`, `ENDS_W2A4`\.$/m);
  expect(text).toMatch(/^\| 0\.4 \| .* `SAME_W2A4` \| [^|]*, 2 of 3 seeds[^|]*\|( \S[^|]* \(\d of 2\) \|){3,4}$/m);
  expect(text).not.toMatch(/^\| 0\.75 \|/m);
  expect(text).not.toContain('learn from');
});

it('says that nothing has been run, without a table of nothing', async () => {
  await succeeds(call('0.4', '--report', '--out', 'nothing'), folder);
  const text = readFileSync(join(folder, 'nothing/report/report.md'), 'utf8');
  expect(text).toMatch(
    /## Error over size\n\nNot run with any seed, and left out of everything here: `FLOAT`, `LEARNED_0\.4`,/,
  );
});

it('keeps the last epoch of every network and says so, if asked to', async () => {
  await succeeds(call('0.4', '--select', 'last', '--only', 'same', '--out', 'last'), folder);
  const text = readFileSync(join(folder, 'last/report/report.md'), 'utf8');
  expect(text).toContain('- The parameters are those of the last epoch (`select = last`), chosen by no images;');
  expect(text).toMatch(/\| error % \| gap, points \| training error % \|/);
  for (const name of ['FLOAT', 'SAME_W2A4']) {
    const summary = JSON.parse(readFileSync(join(folder, 'last/seed-0', name, 'summary.json'), 'utf8'));
    expect(summary).toMatchObject({ select: 'last', best_epoch: 2, best_test_err: summary.last_val_err });
  }
});

it.each([
  ['last', 'last', []],
  ['test', 'validation', []],
  ['last', 'last', ['--quick']],
  ['test', 'last', ['--select', 'last', '--quick']],
  ['last', 'validation', ['--select', 'validation']],
])('of a section with select = %s it is %s, %s', async (given, expected, more) => {
  const text = readFileSync(join(folder, 'net.cfg'), 'utf8');
  writeFileSync(join(folder, 'selects.cfg'), text.replace('[DEFAULT]', `[DEFAULT]\nselect = ${given}`));
  const words = ['front', 'NET', '--cfg', 'selects.cfg', '--budgets', '0.4', '--only', 'same', '--out', 'selects'];
  const { stdout } = await succeeds([...words, ...more, '--dry-run'], folder);
  expect(stdout.match(/^select = .*$/gm)).toEqual([`select = ${expected}`]);
});

it('says that budgets hold from the end of the search on, where limits fall', async () => {
  const exception =
    'does not achieve; with `budget_slack` only from the end of the search on, and no epoch outside is chosen.';
  expect(report()).not.toContain(exception);
  writeFileSync(
    join(folder, 'shrink.cfg'),
    '[SHRINK]\nbudget_begin = allocated\nbudget_search = 0.5\nbudget_slack = 3\n',
  );
  await succeeds(call('0.4', '--variants', 'shrink.cfg', '--report'), folder);
  expect(report()).toContain(exception);
});

it('refuses what cannot be compared', async () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await mpdnn(['front', ...args, '--out', 'refused'], folder);
    expect({ code, lines: stderr.trim().split('\n').length }, stderr).toEqual({ code: 2, lines: 1 });
    expect(existsSync(join(folder, 'refused'))).toBe(false);
    return stderr;
  };
  expect(await refused('NET', '--cfg', 'net.cfg', '--budgets', '0.01')).toMatch(
    /^mpdnn: --budgets = 0\.01: cannot be met: with the fewest bits and channels that the limits allow, weights need 0\.0137 kB/,
  );
  const tiny = writeTinyConfig(folder);
  expect(await refused('BUDGET', '--cfg', tiny)).toMatch(
    /\[BUDGET\] w_quantize: the network of a front is float; name a section without w_quantize$/m,
  );
  expect(await refused('NET', '--cfg', 'net.cfg', '--budgets', '1,x')).toMatch(/give kB, such as 40,70,100/);
  writeFileSync(join(folder, 'wrong.cfg'), '[SEED]\nseed = 3\n');
  const variants = ['NET', '--cfg', 'net.cfg', '--budgets', '0.4', '--variants', 'wrong.cfg'];
  expect(await refused(...variants)).toMatch(/wrong\.cfg:2: \[SEED\] seed: is the same in all networks of a front/);
  writeFileSync(join(folder, 'wrong.cfg'), '[A/B]\nbn_reestimate = 3\n');
  expect(await refused(...variants)).toMatch(/wrong\.cfg: \[A\/B\] is no name for a variant, which has no slashes/);
  writeFileSync(join(folder, 'wrong.cfg'), '[TYPO]\nbn_restimate = 3\n');
  expect(await refused(...variants)).toMatch(
    /wrong\.cfg: \[TYPO\] makes .*bn_restimate = 3: unknown key; did you mean/,
  );
  writeFileSync(join(folder, 'wrong.cfg'), '[LATE]\nbudget_search = 0.2\n');
  expect(await refused(...variants)).toMatch(
    /wrong\.cfg: \[LATE\] makes .*budget_search = 0\.2: has no effect with epochs = 2: bits are given once/,
  );
  writeFileSync(join(folder, 'wrong.cfg'), '[A]\nbn_reestimate = 3\n');
  expect(await refused(...variants, '--variant-budgets', '0.5')).toMatch(
    /0\.5: is none of the budgets, which are 0\.4$/m,
  );
  expect(await refused(...variants, '--only', 'same,best')).toMatch(/give ways among learned, allocated, same/);
});

it('compares with narrower networks, and prunes, where two bits a weight are too much', async () => {
  const resnet = ['front', '--budgets', '40', '--target-activation-kbytes', '8.1', '--data', 'synthetic:48'];
  const { stdout } = await succeeds(
    [...resnet, '--narrow', '2', '--seeds', '0', '--out', 'planned', '--dry-run'],
    folder,
  );
  const planned = [...stdout.matchAll(/^\d+ +0 +(\S+) +(\S+) +160 +(\d+\.\d) /gm)].map(([, ...cells]) => cells);
  expect(planned.map(([name]) => name)).toEqual([...['LEARNED_40', 'ALLOCATED_40', 'FLOAT_NARROW49', 'NARROW49_W2A5']]);
  // 12, 25 and 49 channels: with 13, 25 and 50 it would be 40.23 kB.
  expect(planned.at(-1)).toEqual(['NARROW49_W2A5', 'FLOAT_NARROW49', '38.7']);
  expect(stdout.match(/^budget_prune = true$/gm)).toHaveLength(2);
});

it('compares variants of learned bits, if asked of nothing else, and prints the calls that train them', async () => {
  const alone = ['--only', 'learned', '--variants', 'variants.cfg', '--seeds', '0'];
  const { stdout } = await succeeds(call('0.4,0.75', ...alone, '--variant-budgets', '0.4', '--dry-run'), folder);
  const calls = [...stdout.matchAll(/mpdnn train (\S+) --cfg front\/front\.cfg --seed 0 --out front\/seed-0$/gm)];
  expect(calls.map(([, name]) => name)).toEqual(['FLOAT', 'LEARNED_0.4', 'LEARNED_0.4_ANEW', 'LEARNED_0.75']);
  await succeeds(call('0.4', ...alone), folder);
  const text = report();
  expect(text).not.toContain('Do learned bits win?');
  expect(text).toMatch(
    /^\| 0\.4 \| learned bits, ANEW `LEARNED_0\.4_ANEW` \| learned bits `LEARNED_0\.4` \| undecided, one seed \| \S+ \(\d of 1\) \|/m,
  );
  const anew = JSON.parse(readFileSync(join(folder, 'front/seed-0/LEARNED_0.4_ANEW/config.json'), 'utf8'));
  expect(anew.settings).toMatchObject({ bn_reestimate: 2, target_weight_kbytes: 0.4 });

  await succeeds(call('0.4', ...alone, '--only', 'learned,allocated'), folder);
  const lines = [...report().matchAll(/^\| 0\.4 \| (learned bits.*) \| allocated bits `ALLOCATED_0\.4` \|/gm)];
  expect(lines.map(([, name]) => name)).toEqual([
    'learned bits `LEARNED_0.4`',
    'learned bits, ANEW `LEARNED_0.4_ANEW`',
  ]);

  const without = ['--variants', 'variants.cfg', '--seeds', '0', '--only', 'allocated'];
  const { stderr } = await succeeds(call('0.4', ...without), folder);
  expect(stderr.match(/seed 0 (\S+) {2}finished before/g)).toHaveLength(3);
  expect(report()).toContain('**learned bits** learned for');
  expect(report()).toContain('](bits.svg)');
  expect(report()).not.toContain('`LEARNED_0.4`');
  expect(report().match(/^\| 0\.4 \| .*? \| .*? \|/gm)).toEqual([
    '| 0.4 | learned bits, ANEW `LEARNED_0.4_ANEW` | allocated bits `ALLOCATED_0.4` |',
  ]);
});
