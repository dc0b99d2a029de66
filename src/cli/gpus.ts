/** `--gpus N`: runs one call as N processes of this machine, one a card, which train one network together. */

import { Option } from 'commander';
import { InputError } from '../errors.js';
import { checkOwnCard } from '../ranks/cards.js';
import { isRank, type JoinedRanks, joinRanks } from '../ranks/joinRanks.js';
import { rankCommand, runRanks, thisMachine } from '../ranks/startRanks.js';
import { endingSignals, INTERRUPTED } from './endingSignals.js';
import { positive } from './options.js';

export function gpusOption(): Option {
  return new Option('--gpus <n>', 'number of GPUs of this machine to train on, one process each').argParser(positive);
}

/** Tells whether this process is the one that has to start the ranks. */
export function startsRanks(gpus: number | undefined): gpus is number {
  return gpus !== undefined && gpus > 1 && !isRank();
}

/**
 * Runs this call in one process a card. Resolves to its exit code.
 *
 * @throws InputError if there are fewer cards, or if they cannot be told apart here
 */
export async function runOnCards(gpus: number): Promise<number> {
  const call = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const code = await runRanks(rankCommand(gpus, call, thisMachine()), endingSignals, INTERRUPTED);
  if (code > 128 && code !== INTERRUPTED) {
    const ended = `signal ${code - 128} has ended one of the ${gpus} processes, and that the others`;
    process.stderr.write(`mpdnn: ${ended}; --resume goes on from the last checkpoint\n`);
  }
  return code;
}

/** Joins the other ranks, if any, each on a card of its own if `gpus` is given. */
export async function joinOnCards(gpus: number | undefined): Promise<JoinedRanks> {
  const ranks = await joinRanks();
  if (gpus === undefined) return ranks;
  if (ranks.size !== gpus) throw new InputError(`--gpus ${gpus}: ${ranks.size} processes were started; leave one out`);
  if (gpus > 1) checkOwnCard(ranks.rank);
  return ranks;
}

/**
 * Settings with the GPU engine, if cards are asked for.
 *
 * @throws InputError for another device
 */
export function withCards<T extends Readonly<Record<string, unknown>>>(settings: T, gpus: number | undefined): T {
  if (gpus === undefined) return settings;
  const { device = 'gpu' } = settings;
  if (device === 'gpu') return { ...settings, device };
  throw new InputError(`--gpus ${gpus}: goes with --device gpu, not ${device}; leave out --device`);
}

/** The call with its number of cards, so that it can be repeated. */
export function onCards(call: string, gpus: number | undefined): string {
  return gpus === undefined ? call : `${call} --gpus ${gpus}`;
}
