/** Anomalies: which class is the normal one where an autoencoder's errors separate it from all others (class 0). */

import { type Dataset, type Images, isStream } from '../data/index.js';
import type { Task } from '../task.js';
import { relabelled } from './dataDescription.js';

function judgesAnomalies({ metric, target }: Task): boolean {
  return metric === 'auc' && target === 'input';
}

/** The dataset with a class called `normal`, in any case, before all others, if it is for telling anomalies. */
export function normalFirst(dataset: Dataset<Images>, task: Task): Dataset<Images> {
  const own = dataset.classes;
  const normal = own.find((name) => name.toLowerCase() === 'normal');
  if (!judgesAnomalies(task) || normal === undefined) return dataset;
  const classes = [normal, ...own.filter((name) => name !== normal)];
  const ordered = (images: Images) => relabelled(images, own, classes, dataset.name);
  const { train, test, validation } = dataset;
  return {
    ...{ ...dataset, classes, train: ordered(train), test: ordered(test) },
    ...(validation && { validation: ordered(validation) }),
  };
}

/** A note about the class that is the normal one; none if anomalies are not told, or all inputs are of one class. */
export function normalNotes(classes: readonly string[], task: Task, source: string): string[] {
  if (!judgesAnomalies(task) || classes.length < 2) return [];
  return [`NOTE: ${source}: class ${classes[0]} is normal, all others are anomalies`];
}

/** A note about anomalies to train with, from which an autoencoder learns to reconstruct them, too; none without any. */
export function trainedAnomalyNotes(train: Images, task: Task, source: string): string[] {
  if (!judgesAnomalies(task) || isStream(train)) return [];
  const { length } = train.labels.filter((label) => label !== 0);
  if (length === 0) return [];
  return [
    `NOTE: ${source}: ${length} of ${train.count} training inputs are anomalies, which train as normal inputs do`,
  ];
}
