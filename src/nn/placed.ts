/** The place of a call in the message of its fault. */

import { InputError } from '../errors.js';

/** The function, whose faults end with the file and line of whoever called it, where the machine tells them. */
export function placed<A extends readonly unknown[], R>(layer: (...given: A) => R): (...given: A) => R {
  const call = (...given: A): R => {
    try {
      return layer(...given);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const place = callerOf(call);
      throw place ? new InputError(`${error.message} (at ${place})`) : error;
    }
  };
  return call;
}

/** `file:line:column` of the call of a function that is running; null where stacks have another form. */
function callerOf(called: (...given: never[]) => unknown): string | null {
  const trace: { stack?: string } = {};
  Error.captureStackTrace?.(trace, called);
  return /([^/\\(]+:\d+:\d+)\)?$/m.exec(trace.stack ?? '')?.[1] ?? null;
}
