/** The folder of files that can be made again: downloads, decoded images, tuned GPU tiles. */

import { homedir } from 'node:os';
import path from 'node:path';

export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  return path.join(base, 'mixed-precision-dnns');
}
