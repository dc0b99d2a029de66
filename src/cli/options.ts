/** Options that several commands share, and parsers of their values. */

import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Device, devices, type MatmulPrecision, matmulPrecisions } from '../device.js';
import { cacheFolder } from '../disk/cacheFolder.js';
import { optionOf, type SettingKey, settingKeys } from '../settings/index.js';

export function deviceOption(fallback: Device): Option {
  return new Option('--device <name>', 'engine').choices(devices).default(fallback);
}

export function threadsOption(): Option {
  return new Option('--threads <n>', 'threads of the CPU engine').argParser(positive);
}

/** Descriptions of options whose values the settings check. */
export const deviceWords = inWords(devices);
export const matmulPrecisionWords = `precision of convolutions on a GPU: ${inWords(matmulPrecisions)}`;
export const selectWords =
  'epoch to keep: the best on the test images (test) or on a part of the training images (validation), or the last';

function inWords(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** Parses a positive whole number. */
export function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('give a whole number from 1 on');
  return Number(text);
}

export function matmulPrecisionOption(fallback: MatmulPrecision): Option {
  return new Option('--matmul-precision <name>', 'precision of convolutions on a GPU')
    .choices(matmulPrecisions)
    .default(fallback);
}

/**
 * Adds a hidden option for every .cfg key that the command has no option for yet, except those in `without` and
 * `weightfile`, which is --weights.
 */
export function addSettingOptions(command: Command, without: readonly string[] = []): Command {
  const keys = settingKeys.filter((key) => ![...without, 'weightfile'].includes(key));
  return addKeyOptions(command, keys, 'Every other key of a .cfg file is an option too, such as --weight-decay 1e-4.');
}

/** Adds hidden options for keys that the command has no option for yet, and a line of help about them. */
export function addKeyOptions(command: Command, keys: readonly SettingKey[], help: string): Command {
  for (const key of keys) {
    const option = new Option(`${optionOf(key)} <value>`).hideHelp();
    const known = command.options.some(({ long }) => long === option.long);
    if (!known) command.addOption(option);
  }
  return command.addHelpText('after', `\n${help}`);
}

/** `--no-autotune`; commander then sets `autotune` to false. */
export function autotuneOption(): Option {
  return new Option('--no-autotune', 'use fixed tiles on a GPU instead of finding the fastest');
}

/** The file of tuned GPU tiles; undefined for fixed tiles. */
export function tuningFile(autotune: boolean): string | undefined {
  return autotune ? join(cacheFolder(), 'gpu-tiles.json') : undefined;
}
