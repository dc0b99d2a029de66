/** Ctrl-C: before training it ends the program at once, while training it asks for a checkpoint first. */

import type { ProgressDisplay } from './progress.js';

/**
 * Runs `work` with a signal that is aborted by SIGINT and SIGTERM. Until `work` calls `onTraining` nothing is begun that
 * a checkpoint could keep, and a download may take long: then the program exits with code 130.
 */
export async function interruptible<T>(
  display: Pick<ProgressDisplay, 'stop'>,
  work: (signal: AbortSignal, onTraining: () => void) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  let isTraining = false;
  const onSignal = (): void => {
    interrupt.abort();
    if (isTraining) return;
    display.stop();
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    return await work(interrupt.signal, () => {
      isTraining = true;
    });
  } finally {
    display.stop();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}
