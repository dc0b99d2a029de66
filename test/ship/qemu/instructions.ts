/** Limits for the instructions of the exported C. */

import type { boards } from '../boards.js';

export const counted = ['fixed 2 and 4 bits', 'learned step and range, pixels p/256'] as const;

/** The most that 2 and 4 bits may take, whatever was counted before. */
export const most: Readonly<Partial<Record<keyof typeof boards, number>>> = { 'Cortex-M4': 1.5, 'Cortex-M55': 0.7 };

/** Executed for each multiplication of ResNet-20, by shippable network and board. */
export const instructions: Readonly<
  Record<(typeof counted)[number], Readonly<Partial<Record<keyof typeof boards, number>>>>
> = {
  'fixed 2 and 4 bits': { 'Cortex-M3': 3.27, 'Cortex-M4': 1.47, 'Cortex-M55': 0.58, RV32: 4.19 },
  'learned step and range, pixels p/256': { 'Cortex-M4': 1.5, 'Cortex-M55': 0.65 },
};
