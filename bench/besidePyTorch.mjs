/**
 * How fast is a training step beside PyTorch's? Both programs in turn, a process each, on the same machine:
 *
 *     npm run build && node bench/besidePyTorch.mjs resnet20-waq resnet20-float --pairs 3
 *     node bench/besidePyTorch.mjs resnet20-waq --batch 1024 --device gpu --pytorch "--compile" --pytorch "--compile --amp"
 *
 * PyTorch runs with every list of options that is given, and all of them are printed; the ratio is against the fastest.
 * Nothing else should run. On a CPU set OMP_NUM_THREADS to the number of threads.
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options, positionals: workloads } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'cpu' },
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    pairs: { type: 'string', default: '3' },
    pytorch: { type: 'string', multiple: true, default: [''] },
    python: { type: 'string', default: 'python3' },
  },
});
const { device, batch, threads } = options;
const ours = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const theirs = fileURLToPath(new URL('peers/pytorchStep.py', import.meta.url));

for (const workload of workloads) {
  const contestants = new Map([['mpdnn', () => mpdnn(workload)]]);
  for (const words of options.pytorch) {
    contestants.set(`PyTorch ${words || 'eager'}`, () => pytorch(workload, words.split(' ').filter(Boolean)));
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
function mpdnn(workload) {
  const words = ['bench', workload, '--device', device, '--batch-size', batch, '--threads', threads, '--json'];
  const result = JSON.parse(execFileSync(process.execPath, [ours, ...words], { encoding: 'utf8' }));
  return [result].flat()[0].imagesPerSecond;
}

function pytorch(workload, words) {
  const where = ['--device', device === 'gpu' ? 'cuda' : device, '--batch', batch, '--threads', threads];
  const text = execFileSync(options.python, [theirs, workload, ...where, ...words], { encoding: 'utf8' });
  return JSON.parse(text.trim().split('\n').at(-1)).images_per_second;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
