import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { appendDurably, writeDurably } from '../disk/durableFile.js';
import { writeFault } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import { network } from '../nn/index.js';
import { parseConfig } from '../settings/configFile.js';
import { type Overrides, resolveExperiment, withDefinition } from '../settings/experiment.js';
import type { RunSummary } from '../train/summary.js';
import {
  appendEpoch,
  type EpochRows,
  readCurves,
  readQuantizers,
  readResults,
  readSizes,
  truncateRun,
} from './folderTables.js';
import {
  createRunFolder,
  openRunFolder,
  type RunFolder,
  readSummary,
  resumeRunFolder,
  setEpochs,
  writeSummary,
} from './runFolder.js';

let out: string;
beforeEach(() => {
  out = temporaryFolder();
});

const run = { device: 'CPU', versions: { mpdnn: '0.1.0', node: '20.0.0' } };
const start = { ...run, checkpoint: Uint8Array.of(1, 2) };
const experiment = (overrides: Overrides = {}, name = 'A') =>
  resolveExperiment(parseConfig(`[${name}]\nw_quantize = fp\n`, 'a.cfg'), name, { out, ...overrides });

const ownNetwork = (channels: number) =>
  network({ input: [8, 8, 1] }, (n, x) => n.linear(n.globalAverage(n.conv(x, channels)), 2));

const epoch = (iter: number): EpochRows => ({
  results: { iter, train_err: 0.1 + 0.2, val_err: 1 / 3, loss: Number.NaN, loss1: 1e-9, loss2: 0, loss3: 1e21 },
  trainLoss: 2.5 / iter,
  testLoss: 0.1,
  trainAccuracy: 0.5,
  testAccuracy: 0.25,
  quantizers: [
    {
      epoch: iter,
      tensor: 'conv1/W',
      role: 'weight',
      kind: 'fp',
      bits: 4,
      d: 0.125,
      xmin: null,
      xmax: null,
      signed: 1,
    },
    {
      epoch: iter,
      tensor: 'fc/b',
      role: 'bias',
      kind: 'fp',
      bits: 2,
      d: Math.fround(0.1),
      xmin: null,
      xmax: 7,
      signed: 1,
    },
  ],
  sizes: {
    weights_kb: 131.5,
    activations_max_kb: 64,
    activations_sum_kb: 736,
    activations_peak_kb: 160,
    gbops: 0.5,
    cost: null,
  },
});

const bytes = (folder: RunFolder) =>
  readdirSync(folder.root)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => [name, readFileSync(join(folder.root, name), 'utf8')]);

describe('a new run folder', () => {
  it('has config.json, a checkpoint and tables with their headers, nothing beside it', () => {
    const folder = createRunFolder(experiment({ batchSize: 64 }), start);
    expect(readdirSync(out)).toEqual(['A']);
    expect(Object.fromEntries(bytes(folder))).toEqual({
      'results.csv': 'iter,train_err,val_err,loss,loss1,loss2,loss3\n',
      'train_losses_q.csv': 'epoch,loss\n',
      'test_losses_q.csv': 'epoch,loss\n',
      'train_accs_q.csv': 'epoch,accuracy\n',
      'test_accs_q.csv': 'epoch,accuracy\n',
      'quantizers.csv': 'epoch,tensor,role,kind,bits,d,xmin,xmax,signed\n',
      'sizes.csv': 'epoch,weights_kb,activations_max_kb,activations_sum_kb,activations_peak_kb,gbops,cost\n',
    });
    expect([...readFileSync(folder.checkpoint)]).toEqual([1, 2]);
    const { config } = openRunFolder(folder.root);
    expect(config).toMatchObject({ experiment: 'A', cfg: 'a.cfg', seed: 313, ...run, settings: { batch_size: 64 } });
  });

  it('of a float network has curves without _q', () => {
    const folder = createRunFolder(experiment({ w_quantize: 'none' }), start);
    expect(existsSync(join(folder.root, 'train_losses.csv'))).toBe(true);
    expect(openRunFolder(folder.root).folder).toEqual(folder);
  });

  it('is refused where one exists, unless forced', () => {
    const folder = createRunFolder(experiment(), start);
    appendEpoch(folder, epoch(1));
    expect(() => createRunFolder(experiment(), start)).toThrow(/A: exists already; --resume goes on with it, --force/);
    expect(readResults(folder)).toHaveLength(1);
    createRunFolder(experiment(), { ...start, force: true });
    expect(readResults(folder)).toEqual([]);
    expect(readdirSync(out)).toEqual(['A']);
  });

  it('never replaces a folder that is none', () => {
    mkdirSync(join(out, 'A'));
    writeFileSync(join(out, 'A/thesis.tex'), 'years of work');
    expect(() => createRunFolder(experiment(), { ...start, force: true })).toThrow(/no run folder/);
    expect(existsSync(join(out, 'A/thesis.tex'))).toBe(true);
  });

  it('is refused where it cannot be, and leaves nothing', () => {
    writeFileSync(join(out, 'file'), '');
    expect(() => createRunFolder(experiment({ out: join(out, 'file') }), start)).toThrow(InputError);
    expect(() => createRunFolder(experiment({ out: join(out, 'file/x') }), start)).toThrow(
      /choose another folder with --out/,
    );
    expect(readdirSync(out)).toEqual(['file']);
    expect(() => createRunFolder(experiment({}, '../A'), start)).toThrow(/no slashes/);
  });

  it.skipIf(process.platform === 'win32')('is refused without permission', () => {
    chmodSync(out, 0o500);
    const isRoot = process.getuid!() === 0;
    // Root may write everywhere, so somebody else tries.
    if (isRoot) process.seteuid!('nobody');
    try {
      expect(() => createRunFolder(experiment(), start)).toThrow(/no permission to write/);
    } finally {
      if (isRoot) process.seteuid!(0);
    }
  });
});

describe('tables', () => {
  it('read back what was written, numbers exactly', () => {
    const folder = createRunFolder(experiment(), start);
    appendEpoch(folder, epoch(1));
    appendEpoch(folder, epoch(2));
    expect(readFileSync(folder.results, 'utf8').split('\n')[1]).toBe(
      '1,0.30000000000000004,0.3333333333333333,NaN,1e-9,0,1e+21',
    );
    expect(readResults(folder)).toEqual([epoch(1).results, epoch(2).results]);
    expect(readQuantizers(folder)).toEqual([...epoch(1).quantizers, ...epoch(2).quantizers]);
    expect(readSizes(folder)[1]).toEqual({ epoch: 2, ...epoch(2).sizes });
    expect(readCurves(folder).trainLosses).toEqual([
      { epoch: 1, loss: 2.5 },
      { epoch: 2, loss: 1.25 },
    ]);
  });

  it('of an interrupted and resumed run equal those of an uninterrupted one', () => {
    const whole = createRunFolder(experiment(), start);
    for (const i of [1, 2, 3]) appendEpoch(whole, epoch(i));
    const cut = createRunFolder(experiment({ out: join(out, 'cut') }), start);
    for (const i of [1, 2]) appendEpoch(cut, epoch(i));
    appendDurably(cut.results, '3,0.5,0');
    appendDurably(cut.quantizers, '3,conv1/W,weight,fp,4,0.125,,\n3,fc/b,bi');

    const { folder: resumed } = resumeRunFolder(experiment({ out: join(out, 'cut'), threads: 2, resume: true }));
    truncateRun(resumed, 1);
    for (const i of [2, 3]) appendEpoch(resumed, epoch(i));
    expect(bytes(resumed)).toEqual(bytes(whole));
    truncateRun(resumed, 0);
    expect(readResults(resumed)).toEqual([]);
  });

  it('of older versions lack columns at the end, which resuming adds', () => {
    const folder = createRunFolder(experiment(), start);
    appendEpoch(folder, epoch(1));
    const now = readFileSync(folder.sizes, 'utf8');
    const old = now.replace(',activations_peak_kb,gbops,cost', '').replace(/,160,0.5,$/m, '');
    writeFileSync(folder.sizes, old);
    expect(readSizes(folder)).toEqual([
      { epoch: 1, ...epoch(1).sizes, activations_peak_kb: null, gbops: null, cost: null },
    ]);
    truncateRun(folder, 1);
    appendEpoch(folder, epoch(2));
    expect(readSizes(folder).map((row) => row.activations_peak_kb)).toEqual([null, 160]);
  });

  it('take an epoch only behind the one before', () => {
    const folder = createRunFolder(experiment(), start);
    appendEpoch(folder, epoch(1));
    const before = bytes(folder);
    for (const wrong of [1, 3])
      expect(() => appendEpoch(folder, epoch(wrong))).toThrow(/ends at epoch 1, epoch [13] is/);
    expect(bytes(folder)).toEqual(before);
  });

  it('that lack epochs, or are none, are refused', () => {
    const folder = createRunFolder(experiment(), start);
    appendEpoch(folder, epoch(1));
    expect(() => truncateRun(folder, 2)).toThrow(/results.csv: ends at epoch 1, the run had finished 2/);
    appendDurably(folder.results, '2,x,0,0,0,0,0\n');
    expect(() => readResults(folder)).toThrow(/results.csv:3: '2,x,0,0,0,0,0': train_err is no number/);
    writeFileSync(folder.results, 'iter,train_err,val_err,loss,loss1,loss2,loss3\n1,0\n');
    expect(() => readResults(folder)).toThrow(/results.csv:2: '1,0': wrong number of cells/);
    writeFileSync(folder.results, 'a,b\n');
    expect(() => readResults(folder)).toThrow(/results.csv:1: the columns are 'a,b', they must be 'iter,/);
  });
});

describe('going on', () => {
  it('needs a run folder of the same experiment', () => {
    expect(() => resumeRunFolder(experiment())).toThrow(/nothing to resume/);
    createRunFolder(experiment(), start);
    expect(resumeRunFolder(experiment({ device: 'cpu', weights: 'x.h5' })).folder.root).toBe(join(out, 'A'));
    expect(() => resumeRunFolder(experiment({ batchSize: 3 }))).toThrow(
      /cannot resume, batch_size was 128, now it is 3/,
    );
  });

  it('goes on with a network of one’s own as long as its file defines the same', () => {
    const own = (channels: number) => withDefinition(experiment({ model: './net.mjs' }), ownNetwork(channels));
    createRunFolder(own(4), start);
    expect(resumeRunFolder(own(4)).config.definition).toEqual(ownNetwork(4));
    expect(() => resumeRunFolder(own(5))).toThrow(
      /cannot resume, \.\/net\.mjs defines another network than it did: conv1 is not the same; set it back/,
    );
  });

  it('takes more epochs where the earlier ones do not depend on their number', () => {
    createRunFolder(experiment(), start);
    const fault = (more: Overrides) => () => resumeRunFolder(experiment({ epochs: 200, ...more }));
    expect(fault({})).toThrow(
      /epochs was 160, now it is 200, and the learning rate would drop after epochs 100,150 instead of 80,120 \(learning_rate_drops = 80,120 keeps it\); set it back, or begin a run from its parameters: --weights .*params_last/,
    );
    expect(fault({ learningRateDrops: 'none' })).toThrow(/would drop after epochs none instead of 80,120 \(/);
    expect(fault({ schedule: 'cosine' })).toThrow(/the cosine brings the learning rate to 0 over the whole run/);
    const targets = { targetWeightKbytes: 70, budget: 'guaranteed', learningRateDrops: '80,120' };
    expect(fault(targets)).toThrow(/bits are searched for in a part of the whole run/);
    const damped = { wQuantize: 'fp', dampOscillations: 1, learningRateDrops: '80,120' };
    expect(fault(damped)).toThrow(/the damping of oscillations rises over the whole run/);
    const { folder, config } = fault({ learningRateDrops: '80,120' })();
    writeFileSync(folder.summary, '{}');
    setEpochs(folder, config, 160);
    expect(existsSync(folder.summary)).toBe(true);
    setEpochs(folder, config, 200);
    expect(existsSync(folder.summary)).toBe(false);
    expect(openRunFolder(folder.root).config).toEqual({ ...config, settings: { ...config.settings, epochs: 200 } });
  });

  it('a folder that is not there is looked for', () => {
    createRunFolder(experiment({}, 'QUICKSTART'), start);
    expect(() => openRunFolder(join(out, 'QUICKSTRAT'))).toThrow(/no such run folder; did you mean '.*QUICKSTART'/);
    expect(() => openRunFolder(out)).toThrow(/is no run folder/);
  });
});

it('summary.json comes back, and a wrong one is refused', () => {
  const folder = createRunFolder(experiment(), start);
  const summary: RunSummary = {
    best_val_err: null,
    best_epoch: null,
    best_test_err: null,
    last_test_err: 0.26,
    last_val_err: 0.5,
    weights_kb: 131,
    activations_max_kb: 64,
    activations_sum_kb: 736,
    activations_peak_kb: 160,
    gbops: 0.5,
    cost: null,
    bits: { 'conv1/W': 4 },
    images_per_second: 300,
    seconds: 9,
    epochs: 1,
    budget_held_epochs: 1,
    device: 'CPU',
    select: 'test',
  };
  writeSummary(folder, summary);
  expect(readSummary(folder)).toEqual(summary);
  writeFileSync(folder.summary, '{"best_epoch": 3}');
  expect(() => readSummary(folder)).toThrow(/summary.json: best_val_err: /);
});

it('what a killed write left aside is gone when the run goes on, and nothing else', () => {
  const folder = createRunFolder(experiment(), start);
  for (const name of ['checkpoint.safetensors.123.tmp', 'notes.tmp']) writeFileSync(join(folder.root, name), 'half');
  const before = readdirSync(folder.root);
  resumeRunFolder(experiment());
  const gone = ['checkpoint.safetensors.123.tmp'];
  expect(readdirSync(folder.root)).toEqual(before.filter((name) => !gone.includes(name)));
});

describe('durable files', () => {
  it('a failed replacement leaves the old content and no second file', () => {
    const path = join(out, 'x');
    writeDurably(path, 'old');
    mkdirSync(`${path}.${process.pid}.tmp`);
    expect(() => writeDurably(join(out, 'x'), 'new')).toThrow();
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(() => writeDurably(join(out, 'missing/x'), 'new')).toThrow(/missing\/x: its folder is gone/);
    expect(existsSync(join(out, 'missing'))).toBe(false);
  });

  it.runIf(process.platform === 'linux')('a full disk is said in words, and is no fault of the input', () => {
    expect(() => appendDurably('/dev/full', 'x')).toThrow(/no space left on the disk; free some/);
    expect(writeFault(Object.assign(new Error(), { code: 'ENOSPC' }), 'x')).not.toBeInstanceOf(InputError);
  });

  it('a place without permission is a fault of the call', () => {
    for (const code of ['EACCES', 'EROFS', 'ENOTDIR']) {
      expect(writeFault(Object.assign(new Error(), { code }), 'x')).toBeInstanceOf(InputError);
    }
  });
});
