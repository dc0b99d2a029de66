/**
 * Predicts the time of a step on more ranks than this machine has: a model fitted to measurements of `ranks.mjs` on one
 * and two ranks, checked against four on a CPU, and drawn to 64 GPUs for ResNet-18 on ImageNet:
 *
 *     npm run build && node bench/scaleModel.mjs            # prints, and draws docs/pictures/scaling.png
 *     node bench/scaleModel.mjs --measure --turns 3         # before, on an idle machine: what scaleModel.json has of the CPU
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../dist/median.js';
import { renderPng, renderSvg } from '../dist/report/renderPlot.js';
import { EVALUATION_COLOR, INK, MUTED_INK, PANEL_TITLE, TRAINING_COLOR } from '../dist/report/theme.js';

const { values: options } = parseArgs({
  options: {
    measure: { type: 'boolean', default: false },
    turns: { type: 'string', default: '3' },
    steps: { type: 'string', default: '10' },
  },
});
const PART_BYTES = 2 ** 22;
const file = new URL('scaleModel.json', import.meta.url);
const numbers = JSON.parse(readFileSync(file, 'utf8'));
if (options.measure) {
  numbers.cpu = measure();
  writeFileSync(file, `${JSON.stringify(numbers, null, 2)}\n`);
}
const { cpu, cards } = numbers;

/** Steps of ResNet-20 on 1, 2 and 4 ranks in turn, each a process of one thread: of each turn the fastest round, of the turns the median. */
function measure() {
  const shards = 4;
  const runs = [1, 2, 4].map((ranks) => ({ ranks, results: [] }));
  for (let turn = 0; turn < Number(options.turns); turn++) {
    for (const { ranks, results } of runs) results.push(measureRanks(ranks, shards));
  }
  const [one, two] = runs.map(
    ({ results }) =>
      (of) =>
        median(results.map(({ ms }) => ms[of].least)),
  );
  const [{ machine, bytes }] = runs[0].results;
  return {
    ...{ machine, date: new Date().toISOString().slice(0, 10), cores: cpus().length, shards },
    ...{ shardMs: (one('step') - one('update')) / shards, updateMs: one('update') },
    exchange: { bytes, ms: two('exchange'), partMs: two('largePart'), latencyMs: two('latency') },
    measured: runs.map(({ ranks, results }) => ({ ranks, ms: median(results.map(({ ms }) => ms.step.least)) })),
  };
}

function measureRanks(ranks, shards) {
  const program = fileURLToPath(new URL('ranks.mjs', import.meta.url));
  const words = [process.execPath, program, '--shards', String(shards), '--steps', options.steps];
  const mpi = [
    'mpirun',
    '--allow-run-as-root',
    '--oversubscribe',
    '--mca',
    'mpi_yield_when_idle',
    '1',
    '--bind-to',
    'none',
  ];
  const [call, ...rest] = ranks === 1 ? words : [...mpi, '-n', String(ranks), ...words];
  const { status, stdout, stderr } = spawnSync(call, rest, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${call} ${rest.join(' ')}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

/**
 * Milliseconds of the exchange of so many bytes by R ranks of one machine, in parts of 4 MB: each sends and receives (R
 * − 1)/R of them twice, to and from R − 1 others. `partMs`: time of two ranks for a part, copies and sums included.
 */
function exchangeHere(bytes, ranks) {
  if (ranks === 1) return 0;
  const parts = Math.ceil(bytes / PART_BYTES);
  const perByte = (cpu.exchange.partMs - 2 * cpu.exchange.latencyMs) / PART_BYTES;
  return ((2 * (ranks - 1)) / ranks) * bytes * perByte + 2 * (ranks - 1) * parts * cpu.exchange.latencyMs;
}

/** Milliseconds of a step on the CPU; ranks share the cores if there are fewer of these. */
function cpuStep(ranks) {
  const { shards, shardMs, updateMs, cores } = cpu;
  const crowd = Math.max(1, ranks / cores);
  return ((shards / ranks) * shardMs + updateMs + exchangeHere(cpu.exchange.bytes, ranks)) * crowd;
}

/**
 * Milliseconds of a step on cards, `cards.perHost` of them on a host, with one shard each: that of two cards, and what of the
 * host's work does not fit beside the backward pass, two thirds of a step of one card. More cards than two exchange more, and
 * all data between hosts go through one interface of `gigabits` a second. `like`: the step of two cards, and bytes and time of
 * the host as shares of those in float32.
 */
function cardStep(count, gigabits, like = { twoMs: cards.twoMs, bytes: 1, host: 1 }) {
  const { stepMs, bytes, exchangeMs, perHost } = cards;
  if (count === 1) return stepMs;
  const local = Math.min(count, perHost);
  const sent = count > perHost ? (2 * perHost * bytes * (count - perHost)) / count : 0;
  const host = like.host * (2 - 2 / local) * exchangeMs + (like.bytes * sent) / (gigabits * 125_000);
  return like.twoMs + Math.max(0, host - (2 / 3) * stepMs);
}

const counts = [1, 2, 4, 8, 16, 32, 64];
const networks = [25, 100, 400];

for (const { ranks, ms } of cpu.measured) {
  const model = cpuStep(ranks);
  const error = (100 * (model / ms - 1)).toFixed(1);
  console.log(`CPU, ${ranks} ranks: ${ms.toFixed(1)} ms measured, ${model.toFixed(1)} ms by the model (${error} %)`);
}
for (const gigabits of networks) {
  const rates = counts.map((count) => Math.round((1000 * count * cards.batch) / cardStep(count, gigabits)));
  console.log(`ResNet-18, ${gigabits} Gb/s, img/s on ${counts.join(', ')} cards: ${rates.join(', ')}`);
}
const roundedSteps = counts.map((count) => cardStep(count, 400, cards.rounded));
const roundedRates = roundedSteps.map((ms, at) => Math.round((1000 * counts[at] * cards.batch) / ms));
const times = ((2 * roundedSteps[0]) / roundedSteps[1]).toFixed(2);
console.log(
  `The same with rounded gradients, 400 Gb/s: ${roundedRates.join(', ')}; two cards ${times} times as fast as one`,
);
for (const count of [1, 8, 64]) {
  const seconds = (cards.images * cards.epochs * cardStep(count, 400)) / (1000 * cards.batch * count);
  const cardHours = (seconds * count) / 3600;
  const decoders = Math.ceil((1000 * cards.batch) / cardStep(count, 400) / cards.decodedPerCore);
  console.log(
    `ImageNet, ${cards.epochs} epochs, ${count} cards: ${(seconds / 3600).toFixed(1)} h, ${cardHours.toFixed(1)} card-hours, ` +
      `${(cardHours * cards.pricePerHour).toFixed(0)} USD, ${decoders} cores a card to decode`,
  );
}

const logarithmic = (title, domain, values) => ({
  type: 'quantitative',
  scale: { type: 'log', base: 2, domain, nice: false },
  axis: { title, values, format: '~s' },
});
const measured = cpu.measured.map(({ ranks, ms }) => ({ ranks, ms }));
const modelled = [1, 2, 4].map((ranks) => ({ ranks, ms: cpuStep(ranks) }));
const speeds = networks.flatMap((gigabits) =>
  counts.map((count) => ({ count, rate: (1000 * count * cards.batch) / cardStep(count, gigabits), gigabits })),
);
const rounded = counts.map((count, at) => ({ count, rate: roundedRates[at] }));
const ideal = counts.map((count) => ({ count, rate: (1000 * count * cards.batch) / cardStep(1) }));
const reached = [
  [1, cards.stepMs],
  [2, cards.twoMs],
  [2, cards.rounded.twoMs],
].map(([count, ms]) => ({ count, rate: (1000 * count * cards.batch) / ms }));
const atTheEnd = networks.map((gigabits) => speeds.findLast((each) => each.gigabits === gigabits));
const rates = [2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 512000];
const x = (field, domain, title) => ({ field, ...logarithmic(title, domain, domain[1] > 4 ? counts : [1, 2, 4]) });
const y = { field: 'rate', ...logarithmic('images a second', [2000, 512000], rates) };
const MEASURED_POINT = { type: 'point', color: EVALUATION_COLOR, filled: true, size: 60 };
const spec = {
  title: { text: 'A step on more ranks', subtitle: `lines: the model; points: measured (${cpu.machine}; H200)` },
  spacing: 40,
  hconcat: [
    {
      title: { text: 'ResNet-20 on two cores, ms a step', ...PANEL_TITLE },
      ...{ width: 220, height: 250 },
      encoding: {
        x: x('ranks', [1, 4], 'ranks'),
        y: { field: 'ms', type: 'quantitative', scale: { zero: true }, axis: { title: null } },
      },
      layer: [
        { data: { values: modelled }, mark: { type: 'line', color: TRAINING_COLOR } },
        { data: { values: measured }, mark: MEASURED_POINT },
      ],
    },
    {
      title: { text: 'ResNet-18 at 224, 128 images a card, by the network between hosts of 8', ...PANEL_TITLE },
      ...{ width: 360, height: 250 },
      encoding: { x: x('count', [1, 64], 'cards'), y },
      layer: [
        { data: { values: ideal }, mark: { type: 'line', color: MUTED_INK, strokeDash: [3, 3] } },
        {
          data: { values: speeds },
          mark: { type: 'line', color: TRAINING_COLOR },
          encoding: { detail: { field: 'gigabits' } },
        },
        { data: { values: rounded }, mark: { type: 'line', color: TRAINING_COLOR, strokeDash: [3, 3] } },
        { data: { values: reached }, mark: MEASURED_POINT },
        {
          data: {
            values: [
              { ...rounded.at(-1), text: '400 Gb/s, 16 bits' },
              ...atTheEnd.map((each) => ({ ...each, text: `${each.gigabits} Gb/s` })),
              { ...ideal.at(-1), text: 'ideal' },
            ],
          },
          mark: { type: 'text', align: 'left', dx: 6, color: INK },
          encoding: { text: { field: 'text' } },
        },
      ],
    },
  ],
};
writeFileSync(new URL('../docs/pictures/scaling.png', import.meta.url), await renderPng(await renderSvg(spec)));
