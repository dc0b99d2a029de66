/** The axis below everything that is drawn over epochs. */

import { theme } from './theme.js';
import { epochTicks, short } from './words.js';

export interface AxisPlace {
  readonly left: number;
  readonly width: number;
  readonly y: number;
  /** Pixel beyond which no number may reach. */
  readonly end: number;
}

const NAME = 'epoch';

/** Pixels between the name and the axis. */
const GAP = 10;

const FONT = '12px system-ui, "DejaVu Sans", sans-serif';

/** Pixels that the axis needs at its left, where its name is. */
export function epochAxisRoom(pen: CanvasRenderingContext2D): number {
  pen.font = FONT;
  return pen.measureText(NAME).width + GAP;
}

/** Writes the axis' name left of it, and numbers of epochs. */
export function drawEpochAxis(
  pen: CanvasRenderingContext2D,
  [from, to]: readonly [number, number],
  { left, width, y, end }: AxisPlace,
): void {
  pen.fillStyle = theme().muted;
  pen.font = FONT;
  pen.textAlign = 'right';
  pen.fillText(NAME, left - GAP, y);
  pen.textAlign = 'center';
  for (const tick of epochTicks(from, to, Math.min(8, width / 60))) {
    const [label, x] = [short(tick), left + ((tick - from) / (to - from || 1)) * width];
    if (x + pen.measureText(label).width / 2 <= end) pen.fillText(label, x, y);
  }
}
