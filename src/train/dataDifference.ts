/** Differences between the data of a run and those of now in words, by their descriptions. */

import type { Features } from '../data/features.js';
import type { DataDescription } from './dataDescription.js';

/** The first difference in words, such as `class 2 was 'blue', now it is 'sky'`; `null` for none. */
export function dataDifference(then: DataDescription, now: DataDescription): string | null {
  return (
    inputDifference(then, now) ??
    difference('scales of pixels', then.scale.join(), now.scale.join()) ??
    difference('offsets of pixels', then.offset.join(), now.offset.join()) ??
    imageDifference('training images', then.fingerprints.train, now.fingerprints.train) ??
    imageDifference('validation images', then.fingerprints.validation, now.fingerprints.validation) ??
    imageDifference('test images', then.fingerprints.test, now.fingerprints.test)
  );
}

/** The first difference in inputs and outputs of a network, whatever their normalisation; `null` for none. */
export function inputDifference(then: DataDescription, now: DataDescription): string | null {
  return (
    classDifference(then.classes, now.classes) ??
    difference('images', then.image.join('x'), now.image.join('x')) ??
    difference('targets', String(then.targets?.join('x')), String(now.targets?.join('x'))) ??
    featureDifference(then.features, now.features) ??
    difference('values', then.values, now.values)
  );
}

/** The difference between features in words; `null` for none. */
export function featureDifference(then: Features | undefined, now: Features | undefined): string | null {
  return difference('features', JSON.stringify(then ?? null), JSON.stringify(now ?? null));
}

/** The difference between two fingerprints of `what` in words; `null` for none. */
export function imageDifference(what: string, then: string | null, now: string | null): string | null {
  return then === now ? null : `the ${what} are others (fingerprint ${then}, now ${now})`;
}

function difference(what: string, then: string, now: string): string | null {
  return then === now ? null : `${what} were ${then}, now they are ${now}`;
}

function classDifference(then: readonly string[], now: readonly string[]): string | null {
  const changed = then.findIndex((name, label) => now[label] !== name);
  if (then.length !== now.length) return `there were ${then.length} classes, now there are ${now.length}`;
  const why = areSameClasses(then, now) ? ', since the order of the classes has changed' : '';
  return changed < 0 ? null : `class ${changed} was '${then[changed]}', now it is '${now[changed]}'${why}`;
}

/** Tells whether the classes are the same, in whatever order. */
export function areSameClasses(then: readonly string[], now: readonly string[]): boolean {
  return then.toSorted().join('\n') === now.toSorted().join('\n');
}
