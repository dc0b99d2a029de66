/**
 * Measures how much faster several GPUs of this machine are than one: training steps of ranks and of PyTorch's DDP in turn:
 *
 *     npm run build && node bench/gpus.mjs --cards 2 --pairs 3
 *     node bench/gpus.mjs resnet18 --mode float --python python3
 *
 * `--precision bfloat16` rounds the gradients of shards, which cards exchange then by half as many bytes.
 * Each line has images a second of one card and of all of them, medians over the pairs; `--trace` adds what each call of
 * `ranks.mjs` says, with when the parts of a step come and go. Needs what `--gpus` needs (root or name spaces of users,
 * Open MPI, koffi), and for the other column PyTorch with NCCL and torchvision.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../dist/median.js';
import { rankCommand, thisMachine } from '../dist/ranks/startRanks.js';

/** Workloads, with the batch of one card. */
const workloads = {
  resnet18: { model: 'resnet18', side: 224, classes: 1000, batch: 128, steps: 100 },
  resnet20: { model: 'resnet20', side: 32, classes: 10, batch: 1024, steps: 250 },
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cards: { type: 'string', default: '2' },
    mode: { type: 'string', default: 'waq' },
    precision: { type: 'string', default: 'float32' },
    pairs: { type: 'string', default: '3' },
    python: { type: 'string', default: 'python3' },
    'without-pytorch': { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
});
const cards = Number(options.cards);
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

for (const name of positionals.length > 0 ? positionals : Object.keys(workloads)) {
  const contestants = { mpdnn: ours, ...(options['without-pytorch'] ? {} : { 'PyTorch DDP': theirs }) };
  const rates = Object.keys(contestants).map((program) => ({ program, one: [], all: [] }));
  for (let pair = 0; pair < Number(options.pairs); pair++) {
    for (const rate of rates) {
      rate.one.push(contestants[rate.program](workloads[name], 1));
      rate.all.push(contestants[rate.program](workloads[name], cards));
    }
  }
  for (const { program, one, all } of rates) {
    const [alone, together] = [median(one), median(all)];
    console.log(
      `${name} ${options.mode}, ${workloads[name].batch} images a card, ${program}: one card ${alone.toFixed(0)} img/s, ` +
        `${cards} cards ${together.toFixed(0)} img/s, ${(together / alone).toFixed(2)} times  ` +
        JSON.stringify({ one, all }),
    );
  }
}

/** Images a second; one card takes whole steps, as `mpdnn train` does without shards. */
function ours({ model, side, classes, batch, steps }, count) {
  const words = [
    ...[process.execPath, path('ranks.mjs'), '--device', 'gpu', '--model', model, '--side', String(side)],
    ...['--classes', String(classes), '--batch-size', String(batch * count), '--shards', String(count)],
    ...[
      '--steps',
      String(steps),
      ...(options.mode === 'float' ? ['--float'] : []),
      ...(count > 1 ? ['--precision', options.precision] : []),
      ...(options.trace ? ['--trace'] : []),
    ],
  ];
  const result = call(count === 1 ? words : rankCommand(count, words, thisMachine()));
  if (options.trace) console.log(JSON.stringify(result));
  return result.imagesPerSecond;
}

function theirs({ model, batch }, count) {
  return call([
    ...[options.python, '-m', 'torch.distributed.run', '--standalone', `--nproc-per-node=${count}`],
    ...[path('peers/pytorchRanks.py'), `${model}-${options.mode}`, '--batch', String(batch), '--compile', '--amp'],
  ]).images_per_second;
}

/** The last line of a program's output, as JSON. */
function call([program, ...words]) {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}
