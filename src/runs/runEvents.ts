/** Events of a run before and during training, which the command line shows. */

import type { PreparationEvents } from '../train/openTraining.js';
import type { TrainingEvents } from '../train/recorder.js';

export interface RunEvents extends TrainingEvents, PreparationEvents {
  /** Reports the progress of a task before training: loading, decoding, compiling. */
  task(name: string, done: number, total: number): void;
  /** A line for the user. */
  line(text: string): void;
}
