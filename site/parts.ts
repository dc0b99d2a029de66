/** The two parts of a training: the float network, and from there the one with learned bits. */

export const parts = ['float', 'learned'] as const;
export type Part = (typeof parts)[number];

export const partNames: Readonly<Record<Part, string>> = { float: 'float', learned: 'learned bits' };

/** Lines of `live.jsonl` of each part. */
export type Lines = Readonly<Record<Part, readonly string[]>>;
