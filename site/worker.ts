/** The worker of the page: trains, stores, answers; reports every error in words. */

import { train } from '../src/browser.js';
import type { LabelledImages } from '../src/library/imageArrays.js';
import type { TrainingData } from '../src/library/train.js';
import { generateDigits } from './images/digits.js';
import { type Keeper, openKeeper } from './kept.js';
import type { FromWorker, Preview, Standing, ToWorker } from './protocol.js';
import { limitsOf, within } from './targets.js';
import { firstState, Training, type TrainingState } from './training.js';
import { trial } from './trial.js';

const GENERATED = { train: 2000, test: 500 } as const;
/** Images of a class in the preview. */
const PREVIEWED = 6;

const say = (message: FromWorker): void => self.postMessage(message);
const trials = trial();
let keeper: Keeper | null = null;
let training: Training | null = null;
let data: TrainingData | null = null;

/** Handles one message after another, while training goes on. */
let last: Promise<unknown> = begin();
self.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
  last = last.then(() => take(message)).catch(tell);
};

async function begin(): Promise<void> {
  await onlyTab();
  let note = '';
  try {
    keeper = await openKeeper();
    const kept = await keeper.read();
    if (kept) return start(kept.data, kept.state);
  } catch (error) {
    const { message } = error as Error;
    note = keeper
      ? `What was kept of a training cannot be read: ${message}.`
      : `When this tab is closed its training is lost: ${message}.`;
  }
  say({ type: 'ready', note });
}

/** Waits until no other tab trains: two would store their trainings in the same files. */
function onlyTab(): Promise<void> {
  return new Promise((resolve) => {
    const held = () => {
      resolve();
      return new Promise(() => {});
    };
    navigator.locks.request('training', { ifAvailable: true }, (lock) => {
      if (lock) return held();
      say({ type: 'busy' });
      void navigator.locks.request('training', held);
    });
  });
}

async function take(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'begin': {
      await training?.pause();
      const { images, place, targets } = message;
      const given = images.kind === 'generated' ? generateDigits(GENERATED.train, GENERATED.test) : images.data;
      // It trains anyway; the error is reported when the page knows of the training, which clears its note.
      const fault = await keeper?.begin(given).then(
        () => null,
        (error: Error) => error,
      );
      if (fault) keeper = null;
      start(given, firstState(place, within(targets, limitsOf(given))));
      if (fault) tell(fault);
      return;
    }
    case 'targets':
      training?.setTargets(message.targets);
      if (!training?.state.isPaused) void training?.run();
      return;
    case 'pause':
      return training?.pause();
    case 'goOn':
      void training?.run();
      return;
    case 'forget':
      await training?.pause();
      [training, data] = [null, null];
      await keeper?.forget();
      return say({ type: 'ready', note: '' });
    case 'ask': {
      if (!training || !data) return;
      const { image: asked } = message;
      const image = typeof asked === 'number' ? imageAt(data, data.test, asked) : asked;
      const label = typeof asked === 'number' ? data.classes[data.test.labels[asked]!]! : null;
      const answers = await trials.ask(training.state, image).catch((error) => {
        tell(error);
        return { float: null, learned: null };
      });
      return say({ type: 'answers', answers, asked: { image, label } });
    }
    case 'download': {
      if (!training) return;
      const { downloadOf } = await import('./exported.js');
      return say({ type: 'file', file: await downloadOf(message.kind, training.state) });
    }
    default:
      message satisfies never;
  }
}

function start(images: TrainingData, state: TrainingState): void {
  data = images;
  training = new Training(train, images, state, {
    line: (part, line) => say({ type: 'line', part, line }),
    state: (now) => {
      void keeper?.keep(now).catch(tell);
      say({ type: 'standing', standing: standingOf(now) });
    },
    fault: tell,
  });
  say({ type: 'training', preview: previewOf(images), standing: standingOf(state), lines: state.lines });
  if (!state.isPaused && !state.isFinished) void training.run();
}

function tell(error: unknown): void {
  say({ type: 'fault', message: (error as Error).message });
}

function standingOf({ part, isFinished, isPaused, targets }: TrainingState): Standing {
  return { part, isFinished, isPaused, targets };
}

function imageAt({ height, width, channels }: TrainingData, { images }: LabelledImages, index: number): Uint8Array {
  const size = height * width * channels;
  return (images as Uint8Array).slice(index * size, (index + 1) * size);
}

function previewOf(images: TrainingData): Preview {
  const { height, width, channels, classes, train: set, test } = images;
  const ofClass = (label: number): Uint8Array => {
    const found = Array.from(set.labels, (own, index) => (own === label ? index : -1)).filter((index) => index >= 0);
    const shown = found.slice(0, PREVIEWED).map((index) => imageAt(images, set, index));
    return Uint8Array.from(shown.flatMap((image) => [...image]));
  };
  return {
    ...{ height, width, channels, classes },
    counts: { train: set.labels.length, test: test.labels.length },
    images: classes.map((_, label) => ofClass(label)),
  };
}
