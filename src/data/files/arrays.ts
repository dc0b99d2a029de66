/**
 * Arrays of one's own: `x_train`, `y_train`, `x_test`, `y_test` and optionally `x_val`, `y_val` and `class_names` in an
 * .npz file (numpy.savez), a .safetensors file or a folder of .npy files. Inputs are [count, height, width, channels],
 * [count, height, width] or [count, features], bytes or floats; labels are whole numbers from 0, or the targets of
 * another loss (`arrayTargets.ts`). `group_test` and `group_val` give the number of the recording that each input is a
 * piece of.
 */

import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, readFault } from '../../disk/fileFault.js';
import { zipFiles } from '../../disk/zip.js';
import { InputError } from '../../errors.js';
import { classification, type Task } from '../../task.js';
import { parseSafetensorsFile } from '../../weights/checkedSafetensors.js';
import { choose, type Dataset, type ImageSet, type InputArray, inputType } from '../imageSet.js';
import { answersOf, asLabels, checkAnswers, numberedNames } from './arrayTargets.js';
import { type NumberArray, parseNpy, type TextArray } from './npy.js';

const sets = ['train', 'test', 'val'] as const;
type SetName = (typeof sets)[number];
const arrayNames: readonly string[] = [
  ...sets.flatMap((set) => [`x_${set}`, `y_${set}`, `group_${set}`]),
  'class_names',
];
const wanted = 'x_train, y_train, x_test and y_test are wanted, x_val, y_val and class_names may be there';

type Arrays = ReadonlyMap<string, NumberArray | TextArray>;

/**
 * Loads a dataset of arrays.
 *
 * @param location an .npz or .safetensors file, or a folder of .npy files
 * @param task decides the meaning of `y`; autoencoders need none
 * @param testOnly training arrays are not needed, and the training set may be empty
 * @throws InputError for missing or damaged files, and for arrays that do not fit together
 */
export async function loadArrays(
  location: string,
  testOnly: boolean,
  task: Task = classification,
): Promise<Dataset<ImageSet<InputArray>>> {
  const { arrays, others } = await readArrays(location);
  const own = (name: SetName) => inputsWithAnswers(arrays, name, task, location);
  const test = own('test');
  const train = own('train') ?? (testOnly && test ? choose(test, new Int32Array(0)) : null);
  const validation = own('val');
  if (!train || !test) {
    throw new InputError(`${location}: ${train ? 'x_test' : 'x_train'} is missing; ${wanted}`);
  }
  for (const [name, set] of [['x_test', test] as const, ...(validation ? [['x_val', validation] as const] : [])]) {
    if (kindOf(set) === kindOf(train)) continue;
    throw new InputError(`${location}: ${name} has ${kindOf(set)}, x_train has ${kindOf(train)}; all must be alike`);
  }
  const classes = classesOf(arrays, isUnlabelled(train, task) ? test : train, task, location);
  for (const [name, set] of Object.entries({ train, test, val: validation })) {
    if (set) checkAnswers(set, task, classes, `${location}: y_${name}`);
  }
  const notes = [
    ...(others.length > 0 ? [`${location}: left out ${others.join(', ')}; ${wanted}`] : []),
    ...(testOnly ? [] : absentClasses(train, task, classes, location)),
  ];
  const unlabelled = [train, test, ...(validation ? [validation] : [])].filter((_, at) => !arrays.has(`y_${sets[at]}`));
  return { name: path.basename(location), classes, train, test, ...(validation && { validation }), unlabelled, notes };
}

/** Reads inputs for `predict` from a .npy file: [count, …shape of one input], or one input. */
export async function readInputs(
  file: string,
  shape: readonly [number, number, number],
): Promise<ImageSet<InputArray>> {
  const array = parseNpy(await read(file), file);
  const own = array.shape.join('x');
  const isInput = (sizes: ReturnType<typeof asImages>) => sizes?.slice(1).join() === shape.join();
  const sizes = [[1, ...array.shape], array.shape].map(asImages).find(isInput);
  if (!sizes) {
    throw new InputError(`${file}: is ${own}, the network takes inputs of ${shape.join('x')}, or a number of them`);
  }
  const [count, height, width, channels] = sizes;
  const labels = new Int32Array(count);
  return { images: asInputs(array, file), labels, count, height, width, channels };
}

async function readArrays(location: string): Promise<{ readonly arrays: Arrays; readonly others: readonly string[] }> {
  const isFolder = (await inWords(stat(location), location)).isDirectory();
  if (isFolder) return readFolder(location);
  switch (path.extname(location).toLowerCase()) {
    case '.npz': {
      const names: string[] = [];
      const isWanted = (name: string) => {
        names.push(name);
        return arrayNames.includes(stem(name));
      };
      const files = await zipFiles(await read(location), isWanted, location);
      const arrays = [...files].map(
        ([name, bytes]) => [stem(name), parseNpy(bytes, `${location}: ${stem(name)}`)] as const,
      );
      return { arrays: new Map(arrays), others: names.map(stem).filter((name) => !arrayNames.includes(name)) };
    }
    case '.safetensors': {
      const { tensors, unread } = parseSafetensorsFile(await read(location), location);
      const strange = [...unread].find(([name]) => arrayNames.includes(name));
      if (strange)
        throw new InputError(`${location}: ${strange[0]} has values of type ${strange[1]}, which is not read`);
      const arrays = [...tensors].map(([name, { shape, data }]) => [name, { shape, values: data }] as const);
      return { arrays: new Map(arrays), others: [...tensors.keys()].filter((name) => !arrayNames.includes(name)) };
    }
    default:
      throw new InputError(`${location}: arrays are read from .npz and .safetensors files and folders of .npy files`);
  }
}

async function readFolder(folder: string): Promise<{ readonly arrays: Arrays; readonly others: readonly string[] }> {
  const entries: Dirent[] = await inWords(readdir(folder, { withFileTypes: true }), folder);
  const files = entries.map(({ name }) => name).filter((name) => name.endsWith('.npy'));
  const arrays = new Map<string, NumberArray | TextArray>();
  for (const name of files.filter((name) => arrayNames.includes(stem(name)))) {
    const file = path.join(folder, name);
    arrays.set(stem(name), parseNpy(await read(file), file));
  }
  return { arrays, others: files.filter((name) => !arrays.has(stem(name))) };
}

function stem(name: string): string {
  return name.replace(/\.npy$/, '');
}

function read(file: string): Promise<Uint8Array> {
  return inWords(readFile(file), file);
}

async function inWords<T>(access: Promise<T>, file: string): Promise<T> {
  try {
    return await access;
  } catch (error) {
    if (codeOf(error) === 'ERR_FS_FILE_TOO_LARGE') {
      throw new InputError(`${file}: larger than 2 GiB; give a folder of .npy files, an array each`);
    }
    throw readFault(error, file);
  }
}

/** The inputs and targets of a set; `null` if it has neither. */
function inputsWithAnswers(arrays: Arrays, set: SetName, task: Task, location: string): ImageSet<InputArray> | null {
  const [x, y] = [arrays.get(`x_${set}`), arrays.get(`y_${set}`)];
  if (!x && !y) return null;
  if (!x || (!y && task.target === 'data')) {
    throw new InputError(`${location}: ${x ? 'y' : 'x'}_${set} is missing; ${wanted}`);
  }
  const sizes = asImages(x.shape);
  if (!sizes) {
    throw new InputError(
      `${location}: x_${set} is ${x.shape.join('x')}; inputs are [count, height, width, channels], ` +
        '[count, height, width] or [count, features], one at least',
    );
  }
  const [count, height, width, channels] = sizes;
  const answers = answersOf(y ?? null, task, count, `${location}: y_${set}`);
  const group = arrays.get(`group_${set}`);
  const groups = group && asLabels(group, `${location}: group_${set}`);
  if (groups && groups.length !== count)
    throw new InputError(`${location}: ${groups.length} numbers in group_${set} for ${count} inputs`);
  const images = asInputs(x, `${location}: x_${set}`);
  return { images, ...answers, ...(groups && { groups }), count, height, width, channels };
}

/** The four axes of an array of images or of other inputs; null for other shapes and for empty arrays. */
function asImages(shape: readonly number[]): [number, number, number, number] | null {
  if (shape.includes(0)) return null;
  const [count, a, b, c] = shape as [number, number, number, number];
  switch (shape.length) {
    case 2:
      return [count, 1, 1, a];
    case 3:
      return [count, a, b, 1];
    case 4:
      return [count, a, b, c];
    default:
      return null;
  }
}

/** Bytes as they are; types that float32 holds exactly as float32, and float64 rounded to it. */
function asInputs(array: NumberArray | TextArray, source: string): InputArray {
  if ('texts' in array) throw new InputError(`${source}: holds texts; inputs are numbers`);
  const { values } = array;
  if (values instanceof Uint8Array) return values;
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  if (!isFloat && values.BYTES_PER_ELEMENT > 2) {
    throw new InputError(
      `${source}: holds integers of ${8 * values.BYTES_PER_ELEMENT} bits; save bytes, or .astype('float32')`,
    );
  }
  const floats = values instanceof Float32Array ? values : new Float32Array(values as Float64Array);
  const strange = firstStrange(floats);
  if (strange >= 0)
    throw new InputError(`${source}: value ${strange} is ${values[strange]}; inputs are finite numbers`);
  return floats;
}

/** The index of the first non-finite value, -1 for none. */
function firstStrange(values: Float32Array): number {
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index])) return index;
  return -1;
}

/** The names in `class_names`, or else numbers. */
function classesOf(arrays: Arrays, set: ImageSet<InputArray>, task: Task, location: string): readonly string[] {
  const names = arrays.get('class_names');
  if (!names) return numberedNames(set, task, location);
  if (!('texts' in names)) throw new InputError(`${location}: class_names holds numbers; an array of texts is wanted`);
  const repeated = names.texts.find((name, index) => names.texts.indexOf(name) !== index);
  if (repeated !== undefined) throw new InputError(`${location}: class_names has '${repeated}' twice`);
  return names.texts;
}

/**
 * A note about classes without a training input or pixel, such as class 0 of labels from 1 on; none if there are some of
 * all, or if outputs are no classes.
 */
function absentClasses(
  { labels, targets, count }: ImageSet<InputArray>,
  { loss }: Task,
  classes: readonly string[],
  location: string,
): readonly string[] {
  if (count === 0 || (loss !== 'classes' && loss !== 'pixels')) return [];
  const present = new Set<number>(loss === 'pixels' ? targets!.values : labels);
  const absent = classes.filter((_, label) => !present.has(label));
  if (absent.length === 0) return [];
  const which = `class ${absent[0]}${absent.length > 1 ? ` and ${absent.length - 1} more` : ''}`;
  return [
    `NOTE: ${location}: y_train has no ${loss === 'pixels' ? 'pixel' : 'input'} of ${which}; labels are the numbers of ${classes.length} classes from 0 on`,
  ];
}

/** Tells whether a set has no labels: it is empty, or for an autoencoder. */
function isUnlabelled({ count }: ImageSet<InputArray>, { target }: Task): boolean {
  return count === 0 || target === 'input';
}

function kindOf(set: ImageSet<InputArray>): string {
  const answers = set.targets ? ` with targets of ${set.targets.shape.join('x')}` : '';
  return `${inputType(set)} of ${set.height}x${set.width}x${set.channels}${answers}`;
}
