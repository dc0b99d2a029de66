/** The cards of this machine. A process takes the first GPU that it sees, so each rank must see another one. */

import { closeSync, fstatSync, openSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.js';

/** Paths of NVIDIA's cards that this process may open, in order. `folder`: that of the devices. */
export function visibleCards(folder = '/dev'): string[] {
  const numberOf = (name: string): number => Number(/^nvidia(\d+)$/.exec(name)?.[1] ?? Number.NaN);
  return readdirSync(folder)
    .filter((name) => numberOf(name) >= 0)
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((name) => join(folder, name))
    .filter(mayOpen);
}

/**
 * Tells whether a card may be opened: Slurm and containers forbid others' cards, and a card hidden by a mount opens as
 * /dev/null.
 */
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

/** Hides the devices named before `--` behind /dev/null, then executes the command behind it. */
const hide = 'while [ "$1" != -- ]; do mount --bind /dev/null "$1" || exit; shift; done; shift; exec "$@"';

/**
 * A command that sees one card only, together with its child processes.
 *
 * @param unshare words that run a command with mounts of its own
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

/** Throws an `InputError` unless this rank, which has a card of its own, sees a single one. */
export function checkOwnCard(rank: number, cards: readonly string[] = visibleCards()): void {
  if (cards.length === 1) return;
  const seen = cards.length === 0 ? 'no card of NVIDIA' : `${cards.join(' and ')}, as others do`;
  throw new InputError(
    `rank ${rank} sees ${seen}: a process a card; let --gpus start them, or Slurm with ConstrainDevices=yes and ` +
      '--gpus-per-task=1',
  );
}
