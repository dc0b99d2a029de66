/** The error of a run whose folder has its checkpoint. */

import { InputError } from '../errors.js';

/** The error, which says how the run goes on. */
export function keptFault(fault: Error): Error {
  const kept = `${fault.message}; the run is kept up to here`;
  if (!(fault instanceof InputError)) return new Error(`${kept}, --resume goes on with it`, { cause: fault });
  return new InputError(
    `${kept}: --resume goes on with a copy of as many bytes; another makes other data, so start anew ` +
      '(--weights params_last.safetensors keeps what is trained)',
  );
}
