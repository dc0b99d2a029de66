/** Network definitions from files: a module with the result of `network(…)` as default export, or an ONNX file. */

import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { readDefinition } from '../nn/index.js';
import { commandWords, type Experiment, isModelFile, isOnnxFile, whereSet, withDefinition } from '../settings/index.js';
import { readWeightFile } from '../weights/index.js';

/**
 * The experiment with the network of its `model`, if that is a file. Runs the code of a module.
 *
 * @throws InputError if there is no such file, if it cannot be run, or if it exports no network
 */
export async function withNetworkOfFile(experiment: Experiment): Promise<Experiment> {
  const { model } = experiment.network;
  if (!isModelFile(model)) return experiment;
  const path = resolve(userPath(model));
  const where = `${whereSet(experiment, 'model')} = ${model}`;
  if (!existsSync(path)) throw new InputError(`${where}: no such file`);
  if (isOnnxFile(model)) {
    const { importOnnx } = await import('../onnx/index.js');
    return withDefinition(experiment, importOnnx(readWeightFile(path), where).definition);
  }
  if (!/\.m?[jt]s$/.test(path)) {
    throw new InputError(`${where}: is no file of a network: a module ends in .mjs, .js, .mts or .ts, ONNX in .onnx`);
  }
  if (/\.m?ts$/.test(path) && !(process.features as { readonly typescript?: unknown }).typescript) {
    throw new InputError(
      `${where}: this Node runs no TypeScript (22.18 and newer do); compile it and name the .mjs file`,
    );
  }
  return withDefinition(experiment, readDefinition(await defaultExport(path, where), where));
}

/** The folder of this program, a clone or an installed package: what npm installs for an import, published or not. */
function packageFolder(): string {
  return resolve(fileURLToPath(new URL('../..', import.meta.url)));
}

async function defaultExport(path: string, where: string): Promise<unknown> {
  try {
    return (await import(pathToFileURL(path).href)).default;
  } catch (error) {
    const { message, code, stack = '' } = error as NodeJS.ErrnoException;
    const isLost = code === 'ERR_MODULE_NOT_FOUND' && message.includes("'mixed-precision-dnns'");
    const mends = [
      ...(isLost ? [`install it where the file lies: ${commandWords(['npm', 'install', packageFolder()])}`] : []),
      // The error itself does not say in which line.
      ...(error instanceof SyntaxError ? [`${commandWords(['node', path])} shows the line`] : []),
    ];
    // Layers name the line of their call themselves.
    const line = error instanceof InputError ? undefined : stack.split(pathToFileURL(path).href)[1];
    const place = /^:\d+:\d+/.exec(line ?? '')?.[0];
    const fault = `${message.split('\n')[0]}${place ? ` (at ${basename(path)}${place})` : ''}`;
    throw new InputError([`${where}: ${fault}`, ...mends].join('; '), { cause: error });
  }
}
