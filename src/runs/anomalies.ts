/** Anomalies: which class is the normal one where an autoencoder's errors separate it from all others (class 0). */

import { type Dataset, type Images, isStream } from '../data/index.js';
import type { Task } from '../task.js';
import { areSameClasses } from '../train/dataDifference.js';
import { relabelled } from './dataDescription.js';

function judgesAnomalies({ metric, target }: Task): boolean {
  return metric === 'auc' && target === 'input';
}

/**
 * The dataset with a class called `normal`, in any case, before all others, if it is for telling anomalies. Inputs without
 * labels keep label 0.
 *
 * @param trained classes of a run, in whose order they are instead if they are the same: in runs of earlier versions
 *   that is the order of the data
 */
export function normalFirst(dataset: Dataset<Images>, task: Task, trained: readonly string[] = []): Dataset<Images> {
  if (!judgesAnomalies(task)) return dataset;
  const { classes: own, train, test, validation, unlabelled = [] } = dataset;
  const classes = areSameClasses(trained, own) ? trained : inNormalOrder(own);
  const ordered = (images: Images) =>
    unlabelled.includes(images) ? images : relabelled(images, own, classes, dataset.name);
  return {
    ...{ ...dataset, classes, train: ordered(train), test: ordered(test) },
    ...(validation && { validation: ordered(validation) }),
  };
}

function inNormalOrder(classes: readonly string[]): readonly string[] {
  const normal = classes.filter((name) => name.toLowerCase() === 'normal').slice(0, 1);
  return [...normal, ...classes.filter((name) => !normal.includes(name))];
}

/** A note about the class that is the normal one; none if anomalies are not told, or all inputs are of one class. */
export function normalNotes(classes: readonly string[], task: Task, source: string): string[] {
  if (!judgesAnomalies(task) || classes.length < 2) return [];
  return [`NOTE: ${source}: class ${classes[0]} is normal, all others are anomalies`];
}

/** The note of a run of an earlier version, whose first class is another than it would be now; none for others. */
export function earlierNormalNotes(classes: readonly string[], task: Task, source: string): string[] {
  return inNormalOrder(classes)[0] === classes[0] ? [] : normalNotes(classes, task, source);
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
