/**
 * Starts the processes of one run on this machine, one for each card. Open MPI's `mpirun` starts them, each with mounts
 * that hide the other cards; in a job of Slurm that must not mount, `srun` does, and Slurm hides the cards.
 */

import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { codeOf } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import { seeingOnly, visibleCards } from './cards.js';

/** The facts about a machine by which ranks are started. */
export interface Machine {
  readonly cards: readonly string[];
  /** Words that run a command with mounts of its own; `null` if that is not allowed. */
  readonly unshare: readonly string[] | null;
  /** True in a job of a Slurm that forbids others' cards. */
  readonly isConstrained: boolean;
}

export function thisMachine(): Machine {
  const cards = visibleCards();
  return { cards, unshare: ownMounts(cards), isConstrained: isConstrainedJob() };
}

/** Words for own mounts: as root, or in a user name space if the system permits these. */
function ownMounts(cards: readonly string[]): readonly string[] | null {
  const [card = '/dev/null'] = cards;
  const ways = [
    ['unshare', '--mount'],
    ['unshare', '--user', '--map-root-user', '--mount'],
  ] as const;
  return (
    ways.find(([program, ...words]) => succeeds(program, [...words, 'mount', '--bind', '/dev/null', card])) ?? null
  );
}

function isConstrainedJob(): boolean {
  if (process.env.SLURM_JOB_ID === undefined) return false;
  const { stdout } = spawnSync('scontrol', ['show', 'config'], { encoding: 'utf8' });
  return /^ConstrainDevices\s*=\s*yes/im.test(stdout ?? '');
}

function succeeds(program: string, words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0;
}

/**
 * The command that runs `command` in `count` processes, each with a card of its own.
 *
 * @throws InputError if there are fewer cards, or if they cannot be told apart here
 */
export function rankCommand(
  count: number,
  command: readonly string[],
  { cards, unshare, isConstrained }: Machine,
): readonly string[] {
  if (!Number.isInteger(Math.log2(count))) {
    throw new InputError(`--gpus ${count}: shards are shared by a power of two of processes: 1, 2, 4, …`);
  }
  if (cards.length < count) {
    const found = cards.length === 0 ? 'no card of NVIDIA was found' : `only ${cards.join(', ')} can be used`;
    throw new InputError(`--gpus ${count}: ${found} here; cards of others cannot be told apart`);
  }
  if (unshare) {
    const ranks = cards.slice(0, count).map((card) => ['-n', '1', ...seeingOnly(card, cards, unshare, command)]);
    return ['mpirun', ...mpirunOptions, ...ranks.flatMap((rank, at) => (at ? [':', ...rank] : rank))];
  }
  if (isConstrained) return ['srun', `--ntasks=${count}`, ...srunOptions, ...command];
  throw new InputError(
    `--gpus ${count}: a process cannot be kept to one card here, since it may hide no devices (unshare --mount is not ` +
      'allowed): be root, allow name spaces of users, start one container a card with mpirun, or use a Slurm with ' +
      'ConstrainDevices=yes',
  );
}

/**
 * Options of `mpirun`: only this machine, whatever Slurm has given, and without ssh; ranks may share cores, which their
 * threads choose; no reading of others' memory, which name spaces and containers forbid; no report of how it ended,
 * which this program gives.
 */
const mpirunOptions = [
  ...['--quiet', '--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'],
  ...['--mca', 'plm', 'isolated', '--mca', 'ras', '^slurm', '--mca', 'btl_vader_single_copy_mechanism', 'none'],
];

/**
 * Options of a Slurm step whose tasks are ranks, also within a step that runs this process. Half a minute after one
 * task has ended Slurm ends the others, which wait for it; ending them at once (--kill-on-bad-exit) would also kill
 * those that write a checkpoint.
 */
const srunOptions = ['--overlap', '--mpi=pmix', '--gpus-per-task=1', '--wait=30'];

/**
 * Runs the ranks' command. Resolves to its exit code when all have ended: that of the first that failed, or 128 and the
 * number of the signal that killed it. It has a process group of its own, so that a terminal's Ctrl-C does not end it
 * before the ranks have written a checkpoint; signals reach the ranks through this process.
 *
 * @param signals that ask for an end
 * @param interrupted exit code of an end by one of these
 */
export async function runRanks(
  [program = '', ...words]: readonly string[],
  signals: readonly NodeJS.Signals[],
  interrupted: number,
): Promise<number> {
  const child = spawn(program, words, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  let isStopped = false;
  const pass = (): void => {
    isStopped = true;
    // A signal that `mpirun` and `srun` pass on, and that ends a process without a listener.
    child.kill('SIGUSR2');
  };
  for (const signal of signals) process.on(signal, pass);
  try {
    const code = await new Promise<number>((done, failed) => {
      child.once('error', (error) => failed(inWords(error, program)));
      child.once('exit', (status, signal) => done(status ?? 128 + constants.signals[signal ?? 'SIGKILL']));
    });
    return isStopped && code !== 0 ? interrupted : code;
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}

function inWords(error: Error, program: string): Error {
  if (codeOf(error) !== 'ENOENT') return error;
  return new InputError(
    `${program}: no such program: several ranks need Open MPI (Debian: apt-get install openmpi-bin)`,
  );
}
