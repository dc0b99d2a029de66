/** What a run tells while it goes on; the command line shows it. */

import type { ResolvedLayer } from '../settings/index.js';
import type { TrainingEvents } from '../train/recorder.js';

export interface RunEvents extends TrainingEvents {
  /** A task before training: loading, decoding, compiling. */
  task(name: string, done: number, total: number): void;
  /** A line that stays. */
  line(text: string): void;
  /** What holds for every tensor, where rules set the quantizers of single ones. */
  onLayers?(layers: readonly ResolvedLayer[]): void;
}
