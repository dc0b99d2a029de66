/** The present state of a run: a few large numbers, and its sizes as bars against the budget. */

import { classification, metrics, metricText } from '../../task.js';
import type { RunOverview } from '../messages.js';
import { element } from './dom.js';
import type { RunData } from './runData.js';
import { billions, duration, kbytes, percent, short } from './words.js';

/** The best epoch so far; where the last one is kept, the last inside the budget, if that is another. */
function keptWords({ run, epochs }: RunData, words: (error: number) => string): string {
  const kept = epochs.findLast(({ best }) => best);
  const keepsLast = run!.select === 'last';
  if (!kept || (keepsLast && kept === epochs.at(-1))) return '';
  return `${keepsLast ? 'kept' : 'best'} ${words(kept.val_err)} in epoch ${kept.epoch}`;
}

/** @param state of the run; '' if it is not known */
export function nowTiles(data: RunData, state: RunOverview['state'] | ''): HTMLElement[] {
  const { run, last, epochs } = data;
  const { budget, epochs: wanted, task } = run!;
  const { metric } = task ?? classification;
  const words = (error: number) => metricText(metric, error, 1);
  const lastEpoch = epochs.at(-1);
  // At the end of an epoch, bits may be other ones than in its last step.
  const sizes = lastEpoch && lastEpoch.epoch >= data.position ? lastEpoch : last;
  const held = epochs.filter(({ inside_budget }) => inside_budget).length;
  const hasBudget = [budget.weights_kb, budget.activations_kb, budget.gbops].some(Boolean);
  const activations = sizes?.[`activations_${budget.activations}_kb`];
  return [
    tile(
      'epoch',
      `${short(Math.floor(data.position * 10) / 10)} of ${wanted}`,
      stateWords(data, state),
      data.position / wanted,
    ),
    ...(lastEpoch ? [tile(metrics[metric].title, words(lastEpoch.val_err), keptWords(data, words))] : []),
    ...(sizes ? [sizeTile('weights', sizes.weights_kb, budget.weights_kb)] : []),
    ...(typeof activations === 'number' ? [sizeTile('activations', activations, budget.activations_kb)] : []),
    ...(sizes?.gbops && budget.gbops ? [sizeTile('bit operations', sizes.gbops, budget.gbops, billions)] : []),
    ...(hasBudget && epochs.length > 0
      ? [tile('inside the budget', `${held} of ${epochs.length}`, 'at the end of epochs')]
      : []),
    ...(last ? [tile('images a second', short(Math.round(last.images_per_second)), waitWords(last.waiting))] : []),
  ];
}

function stateWords(data: RunData, state: RunOverview['state'] | ''): string {
  if (state !== 'training') return state;
  const { last, run } = data;
  if (!last || data.position === 0) return 'training';
  return `training, about ${duration((last.seconds / data.position) * (run!.epochs - data.position))} left`;
}

function waitWords(waiting: number): string {
  return waiting < 0.05 ? '' : `waits for images ${percent(waiting, 0)} of the time`;
}

function sizeTile(name: string, size: number, budget: number | null, inWords = kbytes): HTMLElement {
  if (budget === null) return tile(name, inWords(size), 'no budget');
  const words = size <= budget ? `within ${inWords(budget)}` : `over ${inWords(budget)} now`;
  return tile(name, inWords(size), words, size / budget);
}

/** @param share fraction of the bar; above 1 the bar is full and marked */
function tile(name: string, value: string, words: string, share?: number): HTMLElement {
  const made = element(
    'div',
    { className: 'tile' },
    element('span', { className: 'name' }, name),
    element('strong', {}, value),
    element('span', { className: 'words' }, words || '\u00a0'),
  );
  if (share === undefined) return made;
  const filled = element('span');
  filled.style.width = `${100 * Math.min(1, share)}%`;
  made.append(element('div', { className: share > 1 ? 'bar over' : 'bar' }, filled));
  return made;
}
