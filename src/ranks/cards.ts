/** The cards of this machine. A process takes the first GPU that it sees, so that each rank has to see another one. */

import { closeSync, fstatSync, openSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.js';

/** Paths of the cards of NVIDIA that this process may open, in their order. `folder`: where devices lie. */
export function visibleCards(folder = '/dev'): string[] {
  const numberOf = (name: string): number => Number(/^nvidia(\d+)$/.exec(name)?.[1] ?? Number.NaN);
  return readdirSync(folder)
    .filter((name) => numberOf(name) >= 0)
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((name) => join(folder, name))
    .filter(mayOpen);
}

/** Slurm and containers forbid to open the cards of others, and a card that is hidden by a mount opens as /dev/null. */
function mayOpen(card: string): boolean {
  try {
    const file = openSync(card, 'r+');
    const { rdev } = fstatSync(file);
    closeSync(file);
    return rdev !== statSync('/dev/null').rdev;
  } catch {
    return false;
  }
}

/** Hides the devices named before `--` behind /dev/null, then becomes the command behind it. */
const hide = 'while [ "$1" != -- ]; do mount --bind /dev/null "$1" || exit; shift; done; shift; exec "$@"';

/**
 * A command that sees one card only, and so does what it starts.
 *
 * @param unshare the words that give a command mounts of its own
 */
export function seeingOnly(
  card: string,
  cards: readonly string[],
  unshare: readonly string[],
  command: readonly string[],
): readonly string[] {
  const others = cards.filter((each) => each !== card);
  return others.length === 0 ? command : [...unshare, 'sh', '-c', hide, 'sh', ...others, '--', ...command];
}

/** Throws an `InputError` unless this rank, one a card, sees one only. */
export function checkOwnCard(rank: number, cards: readonly string[] = visibleCards()): void {
  if (cards.length === 1) return;
  const seen = cards.length === 0 ? 'no card of NVIDIA' : `${cards.join(' and ')}, as others do`;
  throw new InputError(
    `rank ${rank} sees ${seen}: a process a card; let --gpus start them, or Slurm with ConstrainDevices=yes and ` +
      '--gpus-per-task=1',
  );
}
