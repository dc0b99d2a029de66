/**
 * Processes of one run on this machine, one a card, started by this one. Open MPI's `mpirun` starts them, each behind
 * mounts that hide the other cards; in a job of Slurm that may not mount, `srun` does, and Slurm hides the cards.
 */

import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { InputError } from '../errors.js';
import { seeingOnly, visibleCards } from './cards.js';

/** What decides how ranks are started here. */
export interface Machine {
  readonly cards: readonly string[];
  /** The words that give a command mounts of its own; `null` where that is not allowed. */
  readonly unshare: readonly string[] | null;
  /** True in a job of a Slurm that forbids the cards of others. */
  readonly isConstrained: boolean;
}

export function thisMachine(): Machine {
  const cards = visibleCards();
  return { cards, unshare: ownMounts(cards), isConstrained: isConstrainedJob() };
}

/** As root, or in a name space of users' own, where the system gives everybody one. */
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
 * The command that runs `command` in `count` processes, each of which sees a card of its own.
 *
 * @throws InputError if there are not so many cards, or if they cannot be told apart here
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
 * Everything stays on this machine, whatever Slurm has given and also without ssh; several ranks may share cores, which
 * their threads choose; memory of others is not read, which name spaces and containers forbid; how it ended is said here.
 */
const mpirunOptions = [
  ...['--quiet', '--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'],
  ...['--mca', 'plm', 'isolated', '--mca', 'ras', '^slurm', '--mca', 'btl_vader_single_copy_mechanism', 'none'],
];

/**
 * Options of a step of Slurm whose tasks are ranks, also within a step that runs this process. Half a minute after one has ended
 * it ends the others, which wait for it; at once (--kill-on-bad-exit) it would kill those that leave a checkpoint, too.
 */
const srunOptions = ['--overlap', '--mpi=pmix', '--gpus-per-task=1', '--wait=30'];

/**
 * Runs the command of ranks, and resolves to its exit code when all have ended: that of the first that has failed, or 128
 * and the number of the signal that has killed it. It is a group of processes of its own, that Ctrl-C of a terminal does not end before the ranks have left a checkpoint: signals reach them by way of this one.
 *
 * @param signals those that ask for an end
 * @param interrupted the exit code of what they ended
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
    // One that `mpirun` and `srun` pass on, and that ends a process that does not listen yet.
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

function inWords(error: NodeJS.ErrnoException, program: string): Error {
  if (error.code !== 'ENOENT') return error;
  return new InputError(
    `${program}: no such program: several ranks need Open MPI (Debian: apt-get install openmpi-bin)`,
  );
}
