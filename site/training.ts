/**
 * A training of the tab with its state: first the float network, then learned bits under targets that may change.
 * Independent of the page, so that Node trains the same.
 */

import type { Train, TrainingData, TrainingResult } from '../src/library/train.js';
import { readRunFile } from '../src/train/readRunFile.js';
import type { Lines, Part } from './parts.js';
import {
  EPOCHS_AFTER_CHANGE,
  floatSettings,
  LEARNED_EPOCHS,
  learnedSettings,
  type Place,
  tabNetwork,
} from './recipe.js';
import type { Targets } from './targets.js';

/** Everything that is needed to resume a training, except its images. */
export interface TrainingState {
  readonly place: Place;
  readonly targets: Targets;
  /** Epochs of learned bits. */
  readonly epochs: number;
  /** The part that is training, or was last. */
  readonly part: Part;
  /** Checkpoint of that part; `null` before the end of its first epoch. */
  readonly checkpoint: Uint8Array | null;
  /** The targets that the checkpoint was trained under. */
  readonly trainedUnder: Targets | null;
  /** Parameters of the trained float network; `null` before. */
  readonly float: Uint8Array | null;
  readonly lines: Lines;
  readonly isFinished: boolean;
  /** True if the user has stopped it. */
  readonly isPaused: boolean;
}

export function firstState(place: Place, targets: Targets): TrainingState {
  return {
    ...{ place, targets, epochs: LEARNED_EPOCHS, part: 'float', checkpoint: null, trainedUnder: null, float: null },
    ...{ lines: { float: [], learned: [] }, isFinished: false, isPaused: false },
  };
}

export interface Listener {
  /** A line of `live.jsonl`. */
  line(part: Part, line: string): void;
  /** Called after every epoch and at every stop. */
  state(state: TrainingState): void;
  /** Called with the error that ended it. */
  fault(error: Error): void;
}

/** The newest parameters of each network, as files. */
export function parametersOf({ part, checkpoint, float }: TrainingState): Readonly<Record<Part, Uint8Array | null>> {
  const record = checkpoint && readRunFile(checkpoint, 'checkpoint');
  if (part === 'float') return { float: record?.last ?? null, learned: null };
  return { float, learned: record?.best ?? record?.last ?? null };
}

export class Training {
  readonly #train: Train;
  readonly #data: TrainingData;
  readonly #listener: Listener;
  #state: TrainingState;
  #stop = new AbortController();
  #running: Promise<void> | null = null;

  constructor(train: Train, data: TrainingData, state: TrainingState, listener: Listener) {
    this.#train = train;
    this.#data = data;
    this.#state = state;
    this.#listener = listener;
  }

  get state(): TrainingState {
    return this.#state;
  }

  /** Trains until everything is done or `pause` is called, also after changes of the targets. */
  run(): Promise<void> {
    this.#running ??= this.#runParts()
      .catch((error: Error) => {
        this.#change({ isPaused: true });
        this.#listener.state(this.#state);
        this.#listener.fault(error);
      })
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  /** Resolves when the checkpoint is complete. */
  async pause(): Promise<void> {
    this.#change({ isPaused: true });
    this.#stop.abort();
    await this.#running;
  }

  /** Sets the targets from the next step. A training that has ended, or nearly, is extended by some epochs. */
  setTargets(targets: Targets): void {
    const done = this.#state.part === 'learned' ? epochsDone(this.#state.lines.learned) : 0;
    this.#change({ targets, epochs: Math.max(this.#state.epochs, done + EPOCHS_AFTER_CHANGE), isFinished: false });
    this.#listener.state(this.#state);
    if (this.#state.part === 'learned') this.#stop.abort();
  }

  #change(changes: Partial<TrainingState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  async #runParts(): Promise<void> {
    if (this.#state.isPaused) {
      this.#change({ isPaused: false });
      this.#listener.state(this.#state);
    }
    while (!this.#state.isPaused && !this.#state.isFinished) {
      this.#stop = new AbortController();
      if (this.#state.part === 'float') await this.#runFloat();
      else await this.#runLearned();
      this.#listener.state(this.#state);
    }
  }

  async #runFloat(): Promise<void> {
    const { place } = this.#state;
    const settings = floatSettings(this.#data.train.labels.length, place);
    const result = await this.#runPart('float', { settings });
    if (!result.finished) this.#change({ checkpoint: result.checkpoint });
    else this.#change({ part: 'learned', checkpoint: null, float: result.lastParameters });
  }

  async #runLearned(): Promise<void> {
    const { place, targets, epochs, checkpoint, trainedUnder, float } = this.#state;
    const settings = learnedSettings(this.#data.train.labels.length, place, targets, epochs);
    const isChanged = trainedUnder !== null && !areEqual(trainedUnder, targets);
    const start = checkpoint ? { hasNewTargets: isChanged } : { weights: float! };
    const result = await this.#runPart('learned', { settings, ...start }, targets);
    // A change during the very last step has asked for more epochs.
    const isFinished = result.finished && this.#state.epochs === epochs && areEqual(this.#state.targets, targets);
    this.#change({ checkpoint: result.checkpoint, trainedUnder: targets, isFinished });
  }

  #runPart(
    part: Part,
    options: Pick<Parameters<Train>[0], 'settings' | 'weights' | 'hasNewTargets'>,
    trainedUnder: Targets | null = null,
  ): Promise<TrainingResult> {
    const { checkpoint } = this.#state;
    return this.#train({
      ...{ data: this.#data, network: tabNetwork(this.#data), signal: this.#stop.signal, ...options },
      ...(checkpoint && { resume: checkpoint }),
      onLive: (line) => {
        const text = JSON.stringify(line);
        this.#change({ lines: { ...this.#state.lines, [part]: [...this.#state.lines[part], text] } });
        this.#listener.line(part, text);
      },
      onCheckpoint: (bytes) => {
        this.#change({ checkpoint: bytes, trainedUnder });
        this.#listener.state(this.#state);
      },
    });
  }
}

function areEqual(a: Targets, b: Targets): boolean {
  return a.weightsKb === b.weightsKb && a.activationsKb === b.activationsKb;
}

function epochsDone(lines: readonly string[]): number {
  return lines.filter((line) => line.startsWith('{"type":"epoch"')).length;
}
