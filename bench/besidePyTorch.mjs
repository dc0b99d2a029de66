/**
 * Times training steps of this program and of PyTorch in turn, a process each, on the same machine:
 *
 *     npm run build && node bench/besidePyTorch.mjs                                 all that is said of a CPU, 6 minutes
 *     node bench/besidePyTorch.mjs resnet20-waq resnet18-waq:16 layers --pairs 3 --python /usr/bin/python3
 *     node bench/besidePyTorch.mjs resnet20-waq:1024 --device gpu --pytorch "--compile" --pytorch "--compile --amp"
 *
 * A workload has its batch behind a colon, or --batch; `layers` are depthwise and grouped convolutions on one core. PyTorch
 * runs with every list of options that is given, and all of them are printed; the ratio is against the fastest. Nothing
 * else should run. On a CPU set OMP_NUM_THREADS to the number of threads.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** GFLOP/s of a core of an AMD EPYC at 3.4 GHz with two multiply-adds of four floats a cycle, the most that WebAssembly has. */
const CEILING = 55;
const ALL_OF_A_CPU = ['resnet20-float', 'resnet20-waq', 'resnet18-waq:16', 'mobilenetv2-waq:16', 'layers'];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'cpu' },
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    pairs: { type: 'string', default: '3' },
    steps: { type: 'string' },
    pytorch: { type: 'string', multiple: true, default: [''] },
    python: { type: 'string', default: 'python3' },
  },
});
const { device, threads } = options;
// A round gives one value to the median; on a CPU one step is long enough for that.
const steps = options.steps ?? (device === 'cpu' ? '1' : null);
const stepWords = steps ? ['--steps', steps] : [];
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

for (const word of positionals.length ? positionals : ALL_OF_A_CPU) {
  if (word === 'layers') compareLayers();
  else compareSteps(...word.split(':'));
}

function compareSteps(workload, batch = options.batch) {
  const contestants = new Map([['mpdnn', () => mpdnn(workload, batch)]]);
  for (const words of options.pytorch) {
    contestants.set(`PyTorch ${words || 'eager'}`, () => pytorch(workload, batch, words.split(' ').filter(Boolean)));
  }
  const rates = new Map([...contestants.keys()].map((name) => [name, []]));
  for (let pair = 0; pair < Number(options.pairs); pair++) {
    for (const [name, run] of contestants) rates.get(name).push(run());
  }
  const medians = [...rates].map(([name, all]) => [name, median(all), all]);
  const [, own] = medians[0];
  const best = Math.max(...medians.slice(1).map(([, rate]) => rate));
  console.log(`${workload}, batch ${batch}, ${device}: ${(own / best).toFixed(2)} times the fastest PyTorch`);
  for (const [name, rate, all] of medians) {
    console.log(`  ${name.padEnd(28)} ${rate.toFixed(0)} img/s   (${all.map((each) => each.toFixed(0)).join(', ')})`);
  }
}

/** Images a second. */
function mpdnn(workload, batch) {
  const words = ['bench', workload, '--device', device, '--batch-size', batch, '--threads', threads, '--json'];
  const text = execFileSync(process.execPath, [path('../dist/cli/main.js'), ...words, ...stepWords], {
    encoding: 'utf8',
  });
  return JSON.parse(text)[0].imagesPerSecond;
}

function pytorch(workload, batch, words) {
  const where = ['--device', device === 'gpu' ? 'cuda' : device, '--batch', batch, '--threads', threads];
  return python('peers/pytorchStep.py', workload, ...where, ...stepWords, ...words).images_per_second;
}

/** The last line of a script's output, as JSON. */
function python(script, ...words) {
  const text = execFileSync(options.python, [path(script), ...words], { encoding: 'utf8' });
  return JSON.parse(text.trim().split('\n').at(-1));
}

/** The best of all turns: kernels are short, and disturbances only make them slower. */
function compareLayers() {
  const best = new Map();
  for (let pair = 0; pair < Number(options.pairs); pair++) {
    keepBest(best, 'mpdnn', ourLayers());
    keepBest(best, 'PyTorch', python('peers/pytorchConvolutions.py'));
  }
  console.log(`depthwise and grouped layers, one core, GFLOP/s, mpdnn / PyTorch (ratio, share of ${CEILING} GFLOP/s)`);
  console.log(['', 'forward', 'input gradient', 'weight gradient'].map((word) => word.padEnd(34)).join(''));
  for (const [layer, { mpdnn, PyTorch }] of best) {
    const cells = mpdnn.map((own, index) => {
      const other = PyTorch[index];
      const share = ((100 * own) / CEILING).toFixed(0);
      return `${own.toFixed(1)} / ${other.toFixed(1)} (${(own / other).toFixed(2)}, ${share} %)`;
    });
    console.log([layer, ...cells].map((cell) => cell.padEnd(34)).join(''));
  }
}

/** `results`: an object for each layer, its name and GFLOP/s. */
function keepBest(best, program, results) {
  for (const { layer, forward, inputGradient, weightGradient } of results) {
    const speeds = [forward, inputGradient, weightGradient];
    const entry = best.get(layer) ?? {};
    entry[program] = speeds.map((speed, index) => Math.max(speed, entry[program]?.[index] ?? 0));
    best.set(layer, entry);
  }
}

function ourLayers() {
  const folder = mkdtempSync(join(tmpdir(), 'layers-'));
  try {
    const file = join(folder, 'layers.json');
    const words = ['--threads', '1', '--layers', 'groups|depthwise', '--json', file];
    execFileSync(process.execPath, [path('convKernels.mjs'), ...words]);
    return JSON.parse(readFileSync(file, 'utf8')).results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
