/** The shape of images of digits. */

import { CHANNELS, SIDE } from './strokes.js';

export const digitShape = { height: SIDE, width: SIDE, channels: CHANNELS, classes: [...'0123456789'] } as const;
