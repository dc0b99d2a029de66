/**
 * The signals by which Ctrl-C, a closed terminal and schedulers end a program. Unhandled, SIGUSR1 would open Node's
 * debugger, and the others would end a run without a checkpoint.
 */
export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** The exit code of a program that a signal ended. */
export const INTERRUPTED = 130;
