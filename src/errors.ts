/**
 * A fault of the call or its input: the command line prints the message as one line and exits with code 2.
 *
 * The message says what is wrong, where (file, section, key) and what would be right. All other errors are faults of
 * the program or of the machine (exit code 1). Names of files, tensors and keys come from outside, so characters that
 * would break the line or control the terminal are escaped here, once for all messages.
 *
 * @example
 * ```ts
 * import { InputError, train } from 'mixed-precision-dnns';
 *
 * await train({ data, settings: { epochs: 0 } }).catch((error: unknown) => {
 *   if (!(error instanceof InputError)) throw error;
 *   console.log(error.message); // settings: epochs = 0: must be an integer from 1 …
 * });
 * ```
 */
export class InputError extends Error {
  override readonly name = 'InputError';

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

/** The text with control characters, line breaks and marks of writing direction escaped: `\n`, `\t`, `\u001b`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu, (character) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
    return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** An optional package that is needed is not installed. */
export class MissingPackage extends InputError {}

/** The hardware failed during a run: nothing can be read back, but the run can be resumed. */
export class DeviceLost extends Error {
  override readonly name = 'DeviceLost';
}
