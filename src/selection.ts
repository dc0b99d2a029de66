/** How a run chooses the epoch whose parameters it keeps as `params_best`: by the error on images, or without any. */

export const selections = ['test', 'validation', 'last'] as const;

/**
 * `test`, `validation`: the epoch with the lowest error on these images, of those inside the budget; `last`: the last one
 * inside the budget, whatever its error.
 */
export type Selection = (typeof selections)[number];

/** The images on which every epoch is evaluated first, and whose error is `val_err` in all files. */
export type EvaluatedOn = 'test' | 'validation';

/** The selection in settings as in config.json; the test images chose in versions that knew no other. */
export function selectionOf({ select }: Readonly<Record<string, unknown>>): Selection {
  return selections.find((each) => each === select) ?? 'test';
}

const images: Readonly<Record<Selection, EvaluatedOn>> = { test: 'test', validation: 'validation', last: 'test' };

export function evaluatedOn(select: Selection): EvaluatedOn {
  return images[select];
}

/** Tells whether an epoch inside the budget replaces the one chosen so far. `least`: the error of that one, if there is one. */
export function replacesChosen(select: Selection, error: number, least = Number.POSITIVE_INFINITY): boolean {
  return select === 'last' || error < least;
}
