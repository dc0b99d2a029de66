/** The budget panel: two sliders that may be moved during training, and the device. */

import { element } from '../src/watch/page/dom.js';
import { kbytes } from '../src/watch/page/words.js';
import type { Limits, Targets } from './targets.js';

export interface BudgetPanel {
  readonly root: readonly HTMLElement[];
  readonly targets: Targets;
  /** Shows the targets of a training. */
  show(targets: Targets, limits: Limits): void;
}

const names: Readonly<Record<keyof Targets, string>> = {
  weightsKb: 'Weights',
  activationsKb: 'Largest activation',
};

/** @param onChange called when a slider comes to rest */
export function budgetPanel(limits: Limits, first: Targets, onChange: (targets: Targets) => void): BudgetPanel {
  const sliders = (Object.keys(names) as (keyof Targets)[]).map((key) => {
    const input = element('input', { type: 'range', id: key, step: '0.01' });
    const value = element('output');
    const say = () => {
      value.textContent = kbytes(Number(input.value));
    };
    input.addEventListener('input', say);
    input.addEventListener('change', () => onChange(targets()));
    const set = (kb: number, [least, most]: readonly [number, number]) => {
      [input.min, input.max, input.value] = [String(least), String(most), String(kb)];
      say();
    };
    set(first[key], limits[key]);
    return { key, input, set, root: element('label', { className: 'slider' }, names[key], value, input) };
  });
  const targets = (): Targets =>
    Object.fromEntries(sliders.map(({ key, input }) => [key, Number(input.value)])) as unknown as Targets;
  return {
    root: sliders.map(({ root }) => root),
    get targets() {
      return targets();
    },
    show: (given, ranges) => {
      for (const { key, set } of sliders) set(given[key], ranges[key]);
    },
  };
}
