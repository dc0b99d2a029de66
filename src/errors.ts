/**
 * A fault in the call or the input: the command line prints the message as one line and exits with code 2.
 *
 * The message says what is wrong, where (file, section, key) and what would be right. Everything else that is thrown
 * is a fault of the program or of the machine (exit code 1).
 */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** The hardware went away under a run: nothing can be read back, but the run can be resumed. */
export class DeviceLost extends Error {
  override readonly name = 'DeviceLost';
}
