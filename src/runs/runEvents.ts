/** The events that a run tells while it goes on; the command line shows them. */

import type { PreparationEvents } from '../train/openTraining.js';
import type { TrainingEvents } from '../train/recorder.js';

export interface RunEvents extends TrainingEvents, PreparationEvents {
  /** A task before training: loading, decoding, compiling. */
  task(name: string, done: number, total: number): void;
  /** A line that stays. */
  line(text: string): void;
}
