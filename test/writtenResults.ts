/** The results in a run's folder that do not depend on times: rows of the epochs, and the last parameters. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../src/weights/index.js';

export function writtenResults(root: string) {
  const rows = readFileSync(join(root, 'results.csv'), 'utf8');
  const tensors = readSafetensors(join(root, 'params_last.safetensors'));
  return { rows, tensors };
}
