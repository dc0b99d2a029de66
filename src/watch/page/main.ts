/** The live page: the user's choices, and drawing, at most once a frame, after anything has changed. */

import { capitalized } from '../../capitalized.js';
import type { LiveEpoch } from '../../live/liveFormat.js';
import { classification, metrics, trainingMetric } from '../../task.js';
import type { FaultyRun, RunOverview, StoredRun, TensorView } from '../messages.js';
import { byId, element, fill, oncePerFrame } from './dom.js';
import { heatMap } from './heatMap.js';
import { histogram } from './histogram.js';
import { type ChartContent, type Line, lineChart } from './lineChart.js';
import { nowTiles } from './nowTiles.js';
import { runChips } from './runChips.js';
import { type Curve, type Moment, RunData, type StepCurve } from './runData.js';
import { scatter } from './scatter.js';
import { type Listener, serverSource, storedSource } from './source.js';
import { MOST_RUNS, onThemeChange, runStyle, theme } from './theme.js';
import { billions, kbytes, percent, short } from './words.js';

/** Number of runs from which they can be filtered by name. */
const MANY_RUNS = 12;

const redraw = oncePerFrame(draw);
let overviews: readonly (RunOverview | FaultyRun)[] = [];
/** Names of the runs that are drawn; the first one is shown in detail. */
let shown: readonly string[] = [];
let chosenTensor: string | null = null;
let view: { readonly key: string; readonly tensor: TensorView | null; readonly fault: string } | null = null;
const runs = new Map<string, RunData>();
const filter = byId('filter') as HTMLInputElement;

const listener: Listener = {
  runs: (told) => {
    overviews = told;
    if (shown.length === 0) showRuns(firstShown());
    redraw();
  },
  lines: (run, lines) => {
    const data = dataOf(run);
    for (const line of lines) data.add(line);
    redraw();
  },
  anew: (run) => {
    runs.delete(run);
    redraw();
  },
  fault: (run, message) => {
    dataOf(run).fault = message;
    redraw();
  },
  connection: (words) => {
    byId('connection').textContent = words;
  },
};

const stored: readonly StoredRun[] | null = JSON.parse(byId('stored').textContent ?? 'null');
const source = stored ? storedSource(stored, listener) : serverSource(listener);

const choose = (tensor: string): void => {
  chosenTensor = tensor;
  redraw();
};
const bits = heatMap(choose);
const charts = {
  loss: lineChart(''),
  error: lineChart('Error'),
  weights: lineChart('Weights'),
  activations: lineChart('Activations'),
  gbops: lineChart('Bit operations an image, billions'),
  rate: lineChart('Learning rate'),
  speed: lineChart('Images a second'),
};
const values = histogram();
const shares = element('p', { className: 'words' });
const tensorList = element('select');
tensorList.setAttribute('aria-label', 'tensor');
tensorList.addEventListener('change', () => choose(tensorList.value));
const gradients = [lineChart(''), lineChart('')] as const;
const ranges = [lineChart(''), lineChart('')] as const;
const front = scatter((run) => showRuns([run, ...shown.filter((name) => name !== run)]));
const isLogarithmic = element('input', { type: 'checkbox' });
isLogarithmic.addEventListener('change', redraw);
charts.loss.title.after(element('label', {}, isLogarithmic, ' logarithmic'));

byId('bits').append(bits.root);
byId('curves').append(...Object.values(charts).map(({ root }) => root));
values.title.after(tensorList);
values.root.append(shares);
byId('tensor').append(...[values, ranges[0], ranges[1], gradients[0], gradients[1]].map(({ root }) => root));
byId('comparison').append(front.root);
filter.addEventListener('input', redraw);
addEventListener('resize', redraw);
addEventListener('hashchange', () => showRuns(fromAddress()));
onThemeChange(redraw);

function dataOf(run: string): RunData {
  const known = runs.get(run);
  if (known) return known;
  const made = new RunData();
  runs.set(run, made);
  return made;
}

/** The runs named by the address, or else the one that trains, or the last one. */
function firstShown(): readonly string[] {
  const named = fromAddress();
  if (named.length > 0) return named;
  const sound = overviews.filter((run) => 'state' in run);
  const latest = sound.toSorted((a, b) => b.writtenMs - a.writtenMs)[0];
  const first = sound.find(({ state }) => state === 'training') ?? latest ?? overviews[0];
  return first ? [first.name] : [];
}

function fromAddress(): string[] {
  const names = new URLSearchParams(location.hash.slice(1)).getAll('run');
  return names.filter((name) => overviews.some((run) => run.name === name)).slice(0, MOST_RUNS);
}

function showRuns(names: readonly string[]): void {
  if (names.length === 0 || names.join('\n') === shown.join('\n')) return;
  const isMoved = names.some((name) => !shown.includes(name)) || shown.some((name) => !names.includes(name));
  shown = names.slice(0, MOST_RUNS);
  history.replaceState(null, '', `#${new URLSearchParams(shown.map((name) => ['run', name]))}`);
  if (isMoved) source.show(shown);
  redraw();
}

function draw(): void {
  const first = shown[0];
  const data = first === undefined ? undefined : runs.get(first);
  const overview = overviews.find(({ name }) => name === first);
  byId('title').textContent = first ?? '';
  document.title = first === undefined ? 'mpdnn' : `${first} · mpdnn`;
  filter.hidden = overviews.length < MANY_RUNS;
  const found = overviews.filter(({ name }) => shown.includes(name) || name.includes(filter.value));
  fill(byId('runs'), [found, shown, theme().ink], () => (overviews.length > 1 ? runChips(found, shown, showRuns) : []));
  const note = noteOf(overview, data);
  byId('note').textContent = note;
  byId('note').hidden = note === '';
  byId('now').replaceChildren(
    ...(data?.run ? nowTiles(data, overview && 'state' in overview ? overview.state : '') : []),
  );
  const resume = data?.run?.resume;
  const isOpen = overview && 'state' in overview && overview.state !== 'finished' && resume !== undefined;
  fill(byId('resume'), isOpen ? resume : '', () => (isOpen ? resumeWords(resume) : []));
  const many = new Map(shown.map((name, index) => [name, { ...runStyle(index), name }]));
  front.root.hidden = overviews.length < 2;
  if (!front.root.hidden)
    front.draw(
      overviews.filter((run) => 'state' in run),
      many,
    );
  if (!data) return;
  const domain = [0, Math.max(...shown.map((name) => runs.get(name)?.position ?? 0)) || 1] as const;
  const tensors = data.run?.tensors ?? [];
  byId('bits').hidden = tensors.length === 0;
  byId('tensor').hidden = tensors.length === 0;
  if (tensors.length > 0) {
    if (!tensors.some(({ name }) => name === chosenTensor)) chosenTensor = tensors[0]!.name;
    bits.draw(data, [0, Math.max(data.position, 1e-3)], chosenTensor);
    drawTensor(data, first!);
  }
  drawCurves(domain);
}

function noteOf(overview: RunOverview | FaultyRun | undefined, data: RunData | undefined): string {
  if (!overview) return overviews.length === 0 ? 'No run has begun yet.' : '';
  if ('fault' in overview) return overview.fault;
  if (data?.fault) return data.fault;
  if (data && data.damaged > 0) return `${data.damaged} damaged line(s) of live.jsonl are left out.`;
  return data?.run && data.position === 0 ? 'The run has begun; nothing has been trained yet.' : '';
}

function resumeWords(call: string): HTMLElement[] {
  const button = element('button', { type: 'button' }, 'copy');
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(call);
    button.textContent = 'copied';
  });
  return [element('p', {}, 'Should it be interrupted, this goes on with it:'), element('pre', {}, call), button];
}

/** One line for each run and quantity: raw values of training, marked ones of evaluations. */
function linesOf(of: (data: RunData) => readonly (readonly [name: string, curve: Curve, marked?: 'marked'])[]): Line[] {
  return shown.flatMap((run, index) => {
    const data = runs.get(run);
    if (!data) return [];
    return of(data).map(([name, curve, marked]): Line => {
      // With a single run its evaluation has the next colour.
      const isAlone = shown.length === 1;
      const style = runStyle(isAlone && marked ? 1 : index);
      return { name, curve, marked: marked !== undefined, style: isAlone ? { ...style, dash: [], letter: '' } : style };
    });
  });
}

function drawCurves(domain: ChartContent['domain']): void {
  const budget = runs.get(shown[0]!)?.run?.budget;
  const limitOf = (y: number | null | undefined, words = kbytes) => (y ? [{ y, name: `budget ${words(y)}` }] : []);
  const loss = runs.get(shown[0]!)?.run?.task?.loss ?? 'classes';
  charts.loss.title.textContent = loss === 'values' ? 'Loss (mean squared error)' : 'Loss (cross-entropy)';
  charts.loss.draw({
    lines: linesOf((data) => [
      ['training', data.steps.loss],
      ['evaluation', data.epochCurve(({ val_loss }) => val_loss), 'marked'],
    ]),
    domain,
    inWords: short,
    isLogarithmic: isLogarithmic.checked,
  });
  const { metric } = runs.get(shown[0]!)?.run?.task ?? classification;
  const { title, inPercent, of } = metrics[metric];
  charts.error.draw({
    lines: linesOf((data) => {
      const task = data.run?.task ?? classification;
      if (task.metric !== metric) return [];
      const evaluation = ['evaluation', data.epochCurve(({ val_err }) => of(val_err)), 'marked'] as const;
      return trainingMetric(task) === metric ? [['training', data.steps.error], evaluation] : [evaluation];
    }),
    domain,
    inWords: (value) => (inPercent ? percent(value, value > 0 && value < 0.1 ? 1 : 0) : short(value)),
    fromZero: true,
  });
  charts.error.title.textContent = capitalized(title);
  charts.weights.title.textContent = 'Weights, kB';
  charts.activations.title.textContent = `${activationWords[budget?.activations ?? 'max']}, kB`;
  for (const [chart, lines, limits] of [
    [charts.weights, sizeLines('weights', ({ weights_kb }) => weights_kb), limitOf(budget?.weights_kb)],
    [
      charts.activations,
      sizeLines('activations', (epoch, data) => data.activationsOf(epoch)),
      limitOf(budget?.activations_kb),
    ],
    [charts.gbops, sizeLines('gbops', ({ gbops }) => gbops ?? Number.NaN), limitOf(budget?.gbops, billions)],
    [charts.rate, linesOf((data) => [['rate', data.steps.rate]]), []],
    [charts.speed, linesOf((data) => [['images/s', data.steps.speed]]), []],
  ] as const) {
    chart.root.hidden = !lines.some(({ curve }) => curve.y.some(Number.isFinite));
    if (!chart.root.hidden) chart.draw({ lines, domain, limits, inWords: short, fromZero: true });
  }
}

/** A size while it changes, and marked where a budget counts. */
function sizeLines(name: StepCurve, atEnd: (epoch: LiveEpoch, data: RunData) => number): Line[] {
  return linesOf((data) => [
    ['training', data.steps[name]],
    ['end of epoch', data.epochCurve((epoch) => atEnd(epoch, data)), 'marked'],
  ]);
}

const activationWords = { max: 'Largest activation', sum: 'All activations', peak: 'Activations at once' } as const;

function drawTensor(data: RunData, run: string): void {
  const index = data.run!.tensors.findIndex(({ name }) => name === chosenTensor);
  const { name, learned, core, role } = data.run!.tensors[index]!;
  const now = data.bitsAt(Number.POSITIVE_INFINITY)[index];
  values.title.textContent = now === undefined ? name : `${name}: ${short(now)} bits`;
  const names = data.run!.tensors.map((tensor) => tensor.name);
  fill(tensorList, names, () => names.map((each) => element('option', {}, each)));
  tensorList.value = name;
  const key = `${run}\n${name}\n${data.epochs.length}`;
  if (view?.key !== key) {
    view = { key, tensor: view?.tensor?.name === name ? view.tensor : null, fault: '' };
    const isCurrent = () => view?.key === key;
    source.tensor(run, name).then(
      (tensor) => {
        if (isCurrent()) view = { key, tensor, fault: '' };
        redraw();
      },
      (error: Error) => {
        if (isCurrent()) view = { key, tensor: null, fault: error.message };
        redraw();
      },
    );
  }
  const seen = view?.tensor;
  values.canvas.hidden = !seen;
  if (seen) values.draw(seen);
  shares.textContent = seen ? sharesOf(seen) : (view?.fault ?? '');
  const domain = [0, Math.max(data.position, 1e-3)] as const;
  const ends = /uniform/i.test(core) ? ['Step', 'Range'] : ['Smallest magnitude', 'Range'];
  ranges.forEach((chart, column) => {
    chart.title.textContent = ends[column]!;
    const line = tensorLine(ends[column]!, data.ranges, 2 * index + column);
    chart.root.hidden = data.ranges.length === 0;
    if (!chart.root.hidden) chart.draw({ lines: [line], domain, inWords: short });
  });
  gradients.forEach((chart, column) => {
    const value = learned[column];
    chart.root.hidden = value === undefined || data.gradients.length === 0;
    if (chart.root.hidden) return;
    chart.title.textContent = `Gradient of ${value}, its size`;
    const size = (moments: readonly Moment[]) => sizes(tensorCurve(moments, 2 * index + column));
    chart.draw({
      lines: [
        {
          name: 'before limiting',
          curve: size(data.gradients),
          style: { color: theme().muted, dash: [3, 3], letter: '' },
        },
        { name: 'after', curve: size(data.limited), style: { color: theme().accent, dash: [], letter: '' } },
      ],
      domain,
      inWords: short,
      isLogarithmic: true,
    });
  });
  byId('tensor').dataset.role = role;
}

function sharesOf({ zero, clipped, levels, levelCount, levelsInUse, perChannel }: TensorView): string {
  return [
    `${percent(zero)} become zero, ${percent(clipped)} are clipped, ${levelsInUse} of ${levelCount} levels are in use.`,
    perChannel ? 'Every channel has a step of its own; shown are values divided by its factor.' : '',
    `Red lines: the ${levels.length === levelCount ? 'levels' : 'smallest and the largest level'}.`,
  ]
    .filter(Boolean)
    .join(' ');
}

function tensorCurve(moments: readonly Moment[], place: number): Curve {
  return { x: moments.map(({ x }) => x), y: moments.map(({ values: all }) => all[place]!) };
}

function sizes({ x, y }: Curve): Curve {
  return { x, y: y.map(Math.abs) };
}

function tensorLine(name: string, moments: readonly Moment[], place: number): Line {
  return { name, curve: tensorCurve(moments, place), style: { color: theme().accent, dash: [], letter: '' } };
}

// For the console, and for tests: the numbers that are drawn.
Object.assign(window, { runs });
