/** Notes about classes of tables and arrays that can hardly be learned: one an input, or one for all inputs. */

import { type DataSpec, type Dataset, type Images, isStream } from '../data/index.js';
import type { Task } from '../task.js';

/** The notes on a whole dataset; none for data or losses whose answers are no labels that the user has given. */
export function classNotes(
  { classes, train, test, validation }: Dataset<Images>,
  { loss }: Task,
  kind: DataSpec['kind'],
  source: string,
): string[] {
  if (loss !== 'classes' || (kind !== 'csv' && kind !== 'arrays') || isStream(train)) return [];
  const count = train.count + test.count + (validation?.count ?? 0);
  const inputs = `${count} ${kind === 'csv' ? 'lines' : 'inputs'}`;
  if (classes.length > count / 2) {
    return [`NOTE: ${source}: ${classes.length} classes in ${inputs}; numbers to be put out are for --loss values`];
  }
  const [first] = train.labels;
  if (!train.labels.every((label) => label === first)) return [];
  return [`NOTE: ${source}: all ${train.count} training inputs are of class ${classes[first!]}; nothing to tell apart`];
}
