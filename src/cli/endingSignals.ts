/**
 * The signals by which Ctrl-C, a closed terminal and schedulers end a program. Node would open a debugger on USR1, and the
 * others would end a run without a checkpoint.
 */
export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** The exit code of what a signal ended. */
export const INTERRUPTED = 130;
