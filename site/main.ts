/** The page: draws the worker's messages, at most once a frame, and sends it the user's requests. */

import { byId, element, oncePerFrame } from '../src/watch/page/dom.js';
import { heatMap } from '../src/watch/page/heatMap.js';
import { type Line, lineChart } from '../src/watch/page/lineChart.js';
import { nowTiles } from '../src/watch/page/nowTiles.js';
import { type Curve, RunData } from '../src/watch/page/runData.js';
import { onThemeChange, runStyle } from '../src/watch/page/theme.js';
import { kbytes, percent, short } from '../src/watch/page/words.js';
import { budgetPanel } from './budgetPanel.js';
import { filesPanel, save } from './filesPanel.js';
import { digitShape } from './images/digitShape.js';
import { imagesPanel } from './imagesPanel.js';
import { type Part, partNames, parts } from './parts.js';
import type { FromWorker, Standing, ToWorker } from './protocol.js';
import type { Place } from './recipe.js';
import { limitsOf } from './targets.js';
import { trialPanel } from './trialPanel.js';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const say = (message: ToWorker): void => worker.postMessage(message);

const redraw = oncePerFrame(draw);
let standing: Standing | null = null;
let runs: Record<Part, RunData> = { float: new RunData(), learned: new RunData() };
let chosenTensor: string | null = null;

const images = imagesPanel(note);
const budget = budgetPanel(limitsOf(digitShape), { weightsKb: 10, activationsKb: 1.6 }, (targets) => {
  if (standing) say({ type: 'targets', targets });
});
const place = element('select', { id: 'place' });
place.append(
  element('option', { value: 'auto' }, 'a GPU, else the CPU'),
  element('option', { value: 'cpu' }, 'the CPU'),
  element('option', { value: 'gpu' }, 'WebGPU, software too'),
);
const device = element('p', { className: 'words', id: 'device' });
const train = element('button', { type: 'button', id: 'train', className: 'main', disabled: true }, 'Train');
const pause = element('button', { type: 'button', id: 'pause', hidden: true });
const forget = element('button', { type: 'button', id: 'forget', hidden: true }, 'Forget it');
const trial = trialPanel((image) => say({ type: 'ask', image }));
const bits = heatMap((tensor) => {
  chosenTensor = tensor;
  redraw();
});
const charts = {
  error: lineChart('Error'),
  loss: lineChart('Loss (cross-entropy)'),
  weights: lineChart('Weights, kB'),
  activations: lineChart('Largest activation, kB'),
};

const computeOn = element('label', { className: 'place' }, 'Compute on ', place);
byId('images').append(
  ...images.root,
  element('div', { className: 'buttons' }, train, pause, forget, computeOn),
  device,
);
byId('budget').append(element('h2', {}, 'Budget'), ...budget.root);
byId('trial').append(...trial.root);
byId('bits').append(bits.root);
byId('curves').append(...Object.values(charts).map(({ root }) => root));
byId('files').append(...filesPanel((kind) => say({ type: 'download', kind })));

train.addEventListener('click', () => {
  note('');
  try {
    const chosen = place.value as NonNullable<Place['device']>;
    say({ type: 'begin', images: images.chosen(), place: { device: chosen }, targets: budget.targets });
  } catch (error) {
    note((error as Error).message);
  }
});
pause.addEventListener('click', () => {
  note('');
  say({ type: standing?.isPaused ? 'goOn' : 'pause' });
});
forget.addEventListener('click', () => say({ type: 'forget' }));
addEventListener('resize', redraw);
onThemeChange(redraw);

worker.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
  take(message);
  redraw();
};
worker.onerror = ({ message }) => note(message);

function take(message: FromWorker): void {
  switch (message.type) {
    case 'ready':
      train.disabled = false;
      standing = null;
      images.show(null);
      note(message.note);
      return;
    case 'training':
      standing = message.standing;
      train.disabled = false;
      runs = { float: new RunData(), learned: new RunData() };
      for (const part of parts) for (const line of message.lines[part]) runs[part].add(line);
      budget.show(standing.targets, limitsOf(message.preview));
      images.show(message.preview);
      trial.begin(message.preview);
      note('');
      return;
    case 'line':
      runs[message.part].add(message.line);
      return;
    case 'standing':
      standing = message.standing;
      trial.renew({ float: sizeOf('float'), learned: sizeOf('learned') });
      return;
    case 'answers':
      trial.show(message);
      return;
    case 'file':
      save(message.file);
      return;
    case 'busy':
      note('Another tab of this page is open and has the training; this one waits until it is closed.');
      return;
    case 'fault':
      note(message.message);
      return;
    default:
      message satisfies never;
  }
}

/** Size of the weights in use, in kB: those of the last float epoch, and of the best one with learned bits. */
function sizeOf(part: Part): number | null {
  const { epochs } = runs[part];
  const best = part === 'learned' ? epochs.findLast((epoch) => epoch.best) : undefined;
  return (best ?? epochs.at(-1))?.weights_kb ?? null;
}

function note(words: string): void {
  byId('note').textContent = words;
  byId('note').hidden = words === '';
}

function draw(): void {
  for (const id of ['now', 'trial', 'bits', 'curves', 'files']) byId(id).hidden = standing === null;
  pause.hidden = standing === null || standing.isFinished;
  forget.hidden = standing === null;
  train.textContent = standing ? 'Train anew' : 'Train';
  device.hidden = standing === null;
  if (!standing) return;
  pause.textContent = standing.isPaused ? 'Go on' : 'Pause';
  const now = runs[standing.part];
  device.textContent = now.run?.device ? `Computed on ${now.run.device}` : '';
  const state = standing.isFinished ? 'finished' : standing.isPaused ? 'stopped' : 'training';
  byId('now').replaceChildren(...(now.run ? nowTiles(now, state) : []));
  const { learned } = runs;
  byId('bits').hidden = !learned.run;
  if (learned.run) bits.draw(learned, [0, Math.max(learned.position, 1e-3)], chosenTensor);
  drawCurves();
}

/** A line for each network: training values, and marked ones for the test images at the end of every epoch. */
function linesOf(of: (data: RunData) => readonly (readonly [name: string, curve: Curve, marked?: 'marked'])[]): Line[] {
  return parts.flatMap((part, index) =>
    of(runs[part]).map(([name, curve, marked]): Line => {
      const style = { ...runStyle(1 - index), letter: '' };
      return { name: `${partNames[part]}, ${name}`, curve, marked: marked !== undefined, style };
    }),
  );
}

function drawCurves(): void {
  const domain = [0, Math.max(runs.float.position, runs.learned.position) || 1] as const;
  charts.error.draw({
    lines: linesOf((data) => [
      ['training', data.steps.error],
      ['test', data.epochCurve(({ val_err }) => val_err), 'marked'],
    ]),
    domain,
    inWords: (value) => percent(value, value > 0 && value < 0.1 ? 1 : 0),
    fromZero: true,
  });
  charts.loss.draw({
    lines: linesOf((data) => [
      ['training', data.steps.loss],
      ['test', data.epochCurve(({ val_loss }) => val_loss), 'marked'],
    ]),
    domain,
    inWords: short,
    isLogarithmic: true,
  });
  const { learned } = runs;
  const { weights_kb = null, activations_kb = null } = learned.run?.budget ?? {};
  for (const [chart, curve, atEnd, limit] of [
    [charts.weights, learned.steps.weights, learned.epochCurve((epoch) => epoch.weights_kb), weights_kb],
    [
      charts.activations,
      learned.steps.activations,
      learned.epochCurve((epoch) => learned.activationsOf(epoch)),
      activations_kb,
    ],
  ] as const) {
    chart.root.hidden = curve.x.length === 0;
    if (chart.root.hidden) continue;
    const lines: Line[] = [
      { name: 'learned bits', curve, style: { ...runStyle(0), letter: '' } },
      { name: 'end of epoch', curve: atEnd, marked: true, style: { ...runStyle(1), dash: [], letter: '' } },
    ];
    const limits = limit === null ? [] : [{ y: limit, name: `budget ${kbytes(limit)}` }];
    chart.draw({ lines, domain: [0, learned.position || 1], limits, inWords: short, fromZero: true });
  }
}

// For the console, and for tests.
Object.assign(window, { runs: () => runs, standing: () => standing });
