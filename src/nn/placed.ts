/** Adds the place of a call to its error. */

import { InputError } from '../errors.js';
import type { Value } from './layerCalls.js';

/** The function with the file and line of its caller added to its errors, if the JavaScript engine reports them. */
export function placed<A extends readonly unknown[]>(layer: (...given: A) => Value): (...given: A) => Value {
  const call = (...given: A): Value => {
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

/** `file:line:column` of the call of a running function; null for unknown formats of the stack. */
function callerOf(called: (...given: never[]) => unknown): string | null {
  const trace: { stack?: string } = {};
  Error.captureStackTrace?.(trace, called);
  return /([^/\\(]+:\d+:\d+)\)?$/m.exec(trace.stack ?? '')?.[1] ?? null;
}
