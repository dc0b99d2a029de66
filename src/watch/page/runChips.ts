/** The list of runs: a click shows one alone, its box adds it to the others. */

import { metricText } from '../../task.js';
import type { FaultyRun, RunOverview } from '../messages.js';
import { element, lineSample } from './dom.js';
import { MOST_RUNS, runStyle } from './theme.js';

export function runChips(
  overviews: readonly (RunOverview | FaultyRun)[],
  shown: readonly string[],
  onShow: (runs: readonly string[]) => void,
): HTMLElement[] {
  return overviews.map((run) => chip(run, shown, onShow));
}

function chip(
  run: RunOverview | FaultyRun,
  shown: readonly string[],
  onShow: (runs: readonly string[]) => void,
): HTMLElement {
  const place = shown.indexOf(run.name);
  const box = element('input', { type: 'checkbox', checked: place >= 0 });
  box.disabled = place < 0 && shown.length >= MOST_RUNS;
  box.setAttribute('aria-label', `lay ${run.name} over the others`);
  box.addEventListener('change', () => {
    onShow(box.checked ? [...shown, run.name] : shown.filter((name) => name !== run.name));
  });
  const button = element('button', { type: 'button' }, run.name, element('small', {}, wordsOf(run)));
  button.addEventListener('click', () => onShow([run.name]));
  return element(
    'span',
    { className: place === 0 ? 'chip first' : 'chip' },
    box,
    ...(place >= 0 && shown.length > 1 ? [sample(place)] : []),
    button,
  );
}

/** The line and the letter of a run in the pictures. */
function sample(place: number): HTMLElement {
  const { color, dash, letter } = runStyle(place);
  return element('b', {}, lineSample(color, dash), ` ${letter}`);
}

function wordsOf(run: RunOverview | FaultyRun): string {
  if ('fault' in run) return 'cannot be read';
  const result = run.outcome ? `, ${metricText(run.metric, run.outcome.error, 1)}` : '';
  return `${run.state}${result}`;
}
