/** Signals that ask for an end: before training they end the program at once, while training they ask for a checkpoint. */

import { endingSignals, INTERRUPTED } from './endingSignals.js';
import type { ProgressDisplay } from './progress.js';

/** A terminal and npx between them may deliver one Ctrl-C twice. */
const sameSignalMs = 500;

/**
 * Runs `work` with a signal that is aborted by the first {@link endingSignals ending signal}; a second one ends the
 * program at once, as the first does until `work` calls `onTraining`: nothing is begun that a checkpoint could keep, and
 * a download may take long. The exit code is then {@link INTERRUPTED}.
 */
export async function interruptible<T>(
  display: Pick<ProgressDisplay, 'stop'>,
  work: (signal: AbortSignal, onTraining: () => void) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  let isTraining = false;
  let firstMs = Number.NaN;
  const onSignal = (): void => {
    const isFirst = !interrupt.signal.aborted;
    if (isFirst) {
      firstMs = performance.now();
      interrupt.abort();
      // Where the terminal is gone, the checkpoint is still worth more than the words.
      for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {});
    }
    if (isTraining && (isFirst || performance.now() - firstMs < sameSignalMs)) return;
    display.stop();
    process.exit(INTERRUPTED);
  };
  for (const signal of endingSignals) process.on(signal, onSignal);
  try {
    return await work(interrupt.signal, () => {
      isTraining = true;
    });
  } finally {
    display.stop();
    for (const signal of endingSignals) process.off(signal, onSignal);
  }
}
