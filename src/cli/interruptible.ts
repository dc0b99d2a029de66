/** Ending signals: before training they end the program at once, while training they ask for a checkpoint first. */

import { endingSignals, INTERRUPTED } from './endingSignals.js';
import type { ProgressDisplay } from './progress.js';

/** Milliseconds in which a second signal is the same Ctrl-C, delivered once by the terminal and once by npx. */
const sameSignalMs = 500;

/**
 * Runs `work` with an `AbortSignal` that the first {@link endingSignals ending signal} aborts. A second one ends the
 * program at once, and so does the first before `work` calls `onTraining`: until then there is nothing to checkpoint,
 * and a download may take long. The exit code is then {@link INTERRUPTED}.
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
      // A closed terminal must not keep the checkpoint from being written.
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
