/** Notes about classes of tables and arrays that can hardly be learned: one an input, or one for all inputs. */

import { type DataSpec, type Dataset, type Images, isStream } from '../data/index.js';
import type { Task } from '../task.js';

/** Notes on the classes of tables and arrays, of all inputs together; none for other data or losses. */
export function classNotes(
  { classes, train, test, validation }: Dataset<Images>,
  { loss }: Task,
  kind: DataSpec['kind'],
  source: string,
): string[] {
  if (loss !== 'classes' || (kind !== 'csv' && kind !== 'arrays') || isStream(train)) return [];
  const count = train.count + test.count + (validation?.count ?? 0);
  const inputs = kind === 'csv' ? 'lines' : 'inputs';
  // A table to try something out has a few lines.
  if (classes.length > Math.max(4, count / 2)) {
    return [
      `NOTE: ${source}: ${classes.length} classes in ${count} ${inputs}; numbers to be put out are for --loss values`,
    ];
  }
  const [first] = train.labels;
  if (!train.labels.every((label) => label === first)) return [];
  return [
    `NOTE: ${source}: all ${train.count} training ${inputs} are of class ${classes[first!]}; nothing to tell apart`,
  ];
}
