/** The training of the tab, without a page: resumes from any of its states, and under other targets. */

import { expect, it } from 'vitest';
import { generateDigits } from '../../site/images/digits.js';
import { limitsOf, within } from '../../site/targets.js';
import { firstState, parametersOf, Training, type TrainingState } from '../../site/training.js';
import { train } from '../../src/index.js';
import { readLiveLine } from '../../src/live/liveFormat.js';

const data = generateDigits(32, 10);
const targets = { weightsKb: 10, activationsKb: 1.6 };
const short = { ...firstState({ device: 'cpu', threads: 1 }, targets), epochs: 4 };

/** A training with all states that it has reported. */
function opened(state: TrainingState, onState: (state: TrainingState) => void = () => {}) {
  const states: TrainingState[] = [];
  const training = new Training(train, data, state, {
    line: () => {},
    state: (now) => {
      states.push(now);
      onState(now);
    },
    fault: (error) => {
      throw error;
    },
  });
  return { training, states };
}

const epochsOf = ({ lines }: TrainingState) =>
  lines.learned.flatMap((text) => {
    const line = readLiveLine(text, 'line');
    return line?.type === 'epoch' ? [line] : [];
  });

it('goes on from any state to the same bits', async () => {
  const { training, states } = opened(short);
  await training.run();
  const { learned, float } = parametersOf(training.state);
  expect(training.state.isFinished).toBe(true);
  expect(epochsOf(training.state)).toHaveLength(4);
  for (const state of [states[2]!, states.at(-4)!]) {
    const again = opened(structuredClone(state)).training;
    await again.run();
    expect(parametersOf(again.state)).toEqual({ learned, float });
    expect(epochsOf(again.state).map(({ val_loss }) => val_loss)).toEqual(
      epochsOf(training.state).map(({ val_loss }) => val_loss),
    );
  }
  // Tensors of the network, whose sizes the sliders' limits follow from.
  const run = readLiveLine(training.state.lines.learned[0]!, 'line');
  const tensors = run?.type === 'run' ? run.tensors : [];
  const counts = (isActivation: boolean) =>
    tensors.filter(({ role }) => (role === 'activation') === isActivation).map(({ count }) => count!);
  const { weightsKb, activationsKb } = limitsOf(data);
  const weights = counts(false).reduce((sum, count) => sum + count);
  expect([weightsKb[0], weightsKb[1]]).toEqual([2, 8].map((bits) => Math.ceil((100 * weights * bits) / 8192) / 100));
  expect(activationsKb[1]).toBe(Math.ceil((100 * Math.max(...counts(true)) * 8) / 8192) / 100);
  expect(within({ weightsKb: 1, activationsKb: 99 }, limitsOf(data))).toEqual({
    weightsKb: weightsKb[0],
    activationsKb: activationsKb[1],
  });
});

it('stops and goes on, under other targets from the next epoch on, and after its end', async () => {
  const { training, states } = opened(short, (state) => {
    if (epochsOf(state).length === 2 && state.targets === targets) training.setTargets({ ...targets, weightsKb: 6 });
  });
  await training.run();
  const sizes = epochsOf(training.state).map(({ weights_kb }) => weights_kb);
  expect(sizes.length).toBe(2 + 15);
  for (const kb of sizes.slice(2)) expect(kb).toBeLessThanOrEqual(6);

  training.setTargets({ ...targets, weightsKb: 12 });
  expect(training.state.isFinished).toBe(false);
  const running = training.run();
  await training.pause();
  await running;
  expect(training.state).toMatchObject({ isFinished: false, isPaused: true });
  const told = states.length;
  const goesOn = training.run();
  expect(states.slice(told)).toMatchObject([{ isPaused: false }]);
  await goesOn;
  expect(training.state.isFinished).toBe(true);
  const later = epochsOf(training.state).map(({ weights_kb }) => weights_kb);
  expect(later.length).toBe(2 * 15 + 2);
  expect(later.at(-1)).toBeGreaterThan(6);
});

it('goes on under other targets after a fault before their first checkpoint', async () => {
  let isGone = false;
  const faults: string[] = [];
  const training = new Training(
    (options) => (isGone ? Promise.reject(new Error('gone')) : train(options)),
    data,
    short,
    { line: () => {}, state: () => {}, fault: ({ message }) => faults.push(message) },
  );
  await training.run();
  training.setTargets({ ...targets, weightsKb: 6 });
  isGone = true;
  await training.run();
  isGone = false;
  await training.run();
  expect(faults).toEqual(['gone']);
  expect(training.state.isFinished).toBe(true);
  expect(epochsOf(training.state).at(-1)!.weights_kb).toBeLessThanOrEqual(6);
});
