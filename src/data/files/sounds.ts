/**
 * Folders of sounds: FOLDER/train/CLASS/*.wav with test and perhaps val beside train, or FOLDER/CLASS/*.wav. In the
 * latter `validation_list.txt` and `testing_list.txt` name the clips that are not for training, as in Speech Commands
 * (P. Warden 2018, arXiv:1804.03209), or else the seed chooses a fifth for testing. Features are computed once and
 * cached.
 */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import { parseSafetensorsFile, safetensorsFile } from '../../weights/checkedSafetensors.js';
import type { SoundFeatures } from '../features.js';
import { choose, type Dataset, type ImageSet, split } from '../imageSet.js';
import type { ClassFile } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import {
  byteSteps,
  emptyBand,
  featureByte,
  fftSize,
  frameCount,
  type SoundAnalysis,
  type SoundSettings,
  soundAnalyser,
} from '../sound.js';
import { type FileKind, foldersIn, isFolder, leftOutNote, listFiles } from './classFolders.js';
import { type Clip, parseWav } from './wavFile.js';

export interface SoundOptions {
  readonly settings: SoundSettings;
  /** Features of a trained network, which replace those of the settings. */
  readonly features?: SoundFeatures | undefined;
  readonly seed: number;
  readonly testOnly: boolean;
  readonly cacheDirectory: string;
  readonly onProgress?: OnProgress | undefined;
}

const clips: FileKind = { plural: 'clips', endings: ['.wav'] };

/** The lists beside the class folders, by the set whose clips they name. */
const listNames = { test: 'testing_list.txt', val: 'validation_list.txt' } as const;

type SetName = 'train' | 'test' | 'val';

/** Clips of all sets, one after another, with the set of each; null if the seed decides. */
interface SoundListing {
  readonly classes: readonly string[];
  readonly files: readonly ClassFile[];
  readonly sets: readonly SetName[] | null;
  readonly notes: readonly string[];
}

/**
 * Loads a dataset of sounds.
 *
 * @throws InputError for missing folders, unreadable clips, and features that cannot be computed for them
 */
export async function loadSounds(location: string, options: SoundOptions): Promise<Dataset> {
  const listing = await listSounds(location, options.testOnly);
  const { classes, files, notes } = listing;
  const { analysis, values } = await analysed(files, options);
  const [height, width] = [frameCount(analysis), analysis.coefficients];
  const all: ImageSet<Float32Array> = {
    images: values,
    labels: Int32Array.from(files, ({ label }) => label),
    ...{ count: files.length, height, width, channels: 1 },
  };
  const { train, test, val } = setsOf(all, listing, options.seed);
  const features = options.features ?? { of: 'sound', ...analysis, ...byteSteps(...range(train.images)) };
  const coded = (set: ImageSet<Float32Array>): ImageSet => ({
    ...set,
    images: Uint8Array.from(set.images, (value) => featureByte(value, features)),
  });
  return {
    name: path.basename(path.resolve(location)),
    ...{ classes, train: coded(train), test: coded(test), features, notes },
    ...(val.count > 0 && { validation: coded(val) }),
  };
}

/**
 * Reads a clip as an input of a network with these features.
 *
 * @throws InputError for a missing or damaged file, or one with another sample rate
 */
export async function readClipInput(file: string, features: SoundFeatures): Promise<ImageSet> {
  const clip = await readClip(file);
  checkRate(file, clip, features.sampleRate, 'the network takes');
  const values = soundAnalyser(features)(clip.samples);
  const images = Uint8Array.from(values, (value) => featureByte(value, features));
  const [height, width] = [frameCount(features), features.coefficients];
  return { images, labels: new Int32Array(1), count: 1, height, width, channels: 1 };
}

async function listSounds(location: string, testOnly: boolean): Promise<SoundListing> {
  return isFolder(path.join(location, 'train')) || isFolder(path.join(location, 'test'))
    ? listSets(location, testOnly)
    : listClasses(location, testOnly);
}

function listSets(location: string, testOnly: boolean): SoundListing {
  const names = (['train', 'test', 'val'] as const).filter((name) => isFolder(path.join(location, name)));
  const wanted = testOnly ? (['test'] as const) : (['train', 'test'] as const);
  for (const name of wanted) {
    if (!names.includes(name))
      throw new InputError(`${path.join(location, name)}: no such folder; wanted: CLASS/*.wav in it`);
  }
  const classes = foldersIn(path.join(location, names[0]!));
  const listed = names.map((name) => listFiles(path.join(location, name), classes, clips));
  return {
    classes,
    files: listed.flatMap(({ files }) => files),
    sets: listed.flatMap(({ files }, index) => files.map(() => names[index]!)),
    notes: leftOutNote(
      location,
      listed.map(({ leftOut }) => leftOut),
      clips,
    ),
  };
}

async function listClasses(location: string, testOnly: boolean): Promise<SoundListing> {
  // Speech Commands keeps noise in a folder _background_noise_.
  const classes = foldersIn(location).filter((name) => !name.startsWith('_'));
  if (classes.length === 0)
    throw new InputError(`${location}: no class folders; wanted: a folder with .wav files for each class`);
  const { files, leftOut } = listFiles(location, classes, clips, Object.values(listNames));
  const test = await listedIn(location, listNames.test, files);
  const val = await listedIn(location, listNames.val, files);
  if (val && !test) throw new InputError(`${location}: has ${listNames.val}, wanted beside it: ${listNames.test}`);
  const listed = Object.values(listNames).join(' and ');
  const both = files.find(({ name }) => test?.has(name) && val?.has(name));
  if (both && !testOnly) throw new InputError(`${location}: ${listed} name ${both.name}; one of them should`);
  const sets = test && files.map(({ name }) => (test.has(name) ? 'test' : val?.has(name) ? 'val' : 'train'));
  if (sets && !testOnly && !sets.includes('train'))
    throw new InputError(`${location}: ${listed} leave no clip to train with`);
  const notes = leftOutNote(location, [leftOut], clips);
  if (sets) return { classes, files, sets, notes };
  const note = `${location}: has no ${listNames.test}; a fifth of its ${files.length} clips, chosen by the seed, is for testing`;
  return { classes, files, sets, notes: [...notes, note] };
}

/**
 * Names of clips below the folder, one a line; null if there is no such list. A list of more clips than the folder has
 * will do.
 *
 * @throws InputError if it names none of the clips
 */
async function listedIn(
  location: string,
  name: string,
  files: readonly ClassFile[],
): Promise<ReadonlySet<string> | null> {
  const list = path.join(location, name);
  const text = await readFile(list, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw readFault(error, list);
  });
  if (text === null) return null;
  const names = new Set(text.split(/\s*\n\s*/).filter(Boolean));
  if (files.some((file) => names.has(file.name))) return names;
  throw new InputError(`${list}: names none of the clips; wanted: CLASS/NAME.wav, one a line`);
}

function setsOf(
  all: ImageSet<Float32Array>,
  { sets, files }: SoundListing,
  seed: number,
): Record<SetName, ImageSet<Float32Array>> {
  if (sets) {
    const of = (name: SetName) =>
      choose(all, Int32Array.from(sets.flatMap((set, index) => (set === name ? [index] : []))));
    return { train: of('train'), test: of('test'), val: of('val') };
  }
  if (files.length < 2)
    throw new InputError(`${files[0]!.file}: one clip; two at least are wanted, to train and to test`);
  const { rest, held } = split(all, Math.max(1, Math.floor(all.count / 5)), seed);
  return { train: rest, test: held, val: choose(all, new Int32Array(0)) };
}

/**
 * The features of all clips, read from the cache if it has the same clips and features. The cache also holds the
 * longest clip and its sample rate.
 */
async function analysed(
  files: readonly ClassFile[],
  { settings, features, cacheDirectory, onProgress }: SoundOptions,
): Promise<{ readonly analysis: SoundAnalysis; readonly values: Float32Array }> {
  const key = hash([
    1,
    features ?? settings,
    files.map(({ file, bytes, modifiedMs }) => [path.resolve(file), bytes, modifiedMs]),
  ]);
  const cache = path.join(
    cacheDirectory,
    `sounds-${hash(files.map(({ file }) => path.resolve(file))).slice(0, 16)}.safetensors`,
  );
  const cached = await readCache(cache, key);
  if (cached) return cached;
  const analysis = features ?? analysisOf(settings, await measure(files), files[0]!.file);
  const analyse = soundAnalyser(analysis);
  const size = frameCount(analysis) * analysis.coefficients;
  const values = new Float32Array(files.length * size);
  for (const [index, { file }] of files.entries()) {
    const clip = await readClip(file);
    checkRate(file, clip, analysis.sampleRate, `${files[0]!.file} has`);
    values.set(analyse(clip.samples), index * size);
    if ((index + 1) % reportEvery === 0 || index + 1 === files.length) {
      onProgress?.({ task: 'features of sound', done: index + 1, total: files.length });
    }
  }
  await writeCache(cache, key, analysis, values);
  return { analysis, values };
}

/** Number of clips between progress reports. */
const reportEvery = 100;

/** The samples of the longest clip, and the sample rate of the first one. */
async function measure(
  files: readonly ClassFile[],
): Promise<{ readonly sampleRate: number; readonly longest: number }> {
  let longest = 0;
  const { sampleRate } = await readClip(files[0]!.file);
  for (const { file } of files) longest = Math.max(longest, (await readClip(file)).samples.length);
  return { sampleRate, longest };
}

function analysisOf(
  { kind, windowMs, hopMs, melBands, coefficients, seconds, lowHz, highHz }: SoundSettings,
  { sampleRate, longest }: { readonly sampleRate: number; readonly longest: number },
  file: string,
): SoundAnalysis {
  const inSamples = (milliseconds: number) => Math.max(1, Math.round((milliseconds * sampleRate) / 1000));
  const [window, hop] = [inSamples(windowMs), inSamples(hopMs)];
  const samples = seconds === null ? longest : Math.round(seconds * sampleRate);
  const half = sampleRate / 2;
  const [fft, high] = [fftSize(window), highHz ?? half];
  if (samples < window) {
    throw new InputError(
      `sound_window_ms = ${windowMs}: ${window} samples, the clips have ${samples} (${file}); give less`,
    );
  }
  if (high > half) {
    throw new InputError(`sound_high_hz = ${high}: must be at most ${half}, half of the sample rate (${file})`);
  }
  if (lowHz >= high) {
    const most = highHz === null ? `${half}, half of the sample rate` : `sound_high_hz = ${high}`;
    throw new InputError(`sound_low_hz = ${lowHz}: must be below ${most} (${file})`);
  }
  const mel = { melBands, lowHz, highHz: high, coefficients: kind === 'mfcc' ? coefficients : melBands };
  const analysis = { kind, sampleRate, samples, window, hop, fft, ...mel };
  const empty = emptyBand(analysis);
  if (empty === null) return analysis;
  throw new InputError(
    `sound_mel_bands = ${melBands}: band ${empty} lies between two frequencies of a window of ${windowMs} ms; give fewer, or a longer window`,
  );
}

function checkRate(file: string, { sampleRate }: Clip, wanted: number, who: string): void {
  if (sampleRate === wanted) return;
  throw new InputError(`${file}: has ${sampleRate} samples a second, ${who} ${wanted}; resample it`);
}

async function readClip(file: string): Promise<Clip> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw readFault(error, file);
  });
  return parseWav(bytes, file);
}

/** The range of the values without the lowest and the highest thousandth; from a sample of at most a million. */
function range(values: Float32Array): [low: number, high: number] {
  const every = Math.max(1, Math.floor(values.length / 2 ** 20));
  const some = values.filter((_, index) => index % every === 0).sort();
  const edge = Math.floor(some.length / 1000);
  return [some[edge] ?? 0, some.at(-1 - edge) ?? 0];
}

async function readCache(
  file: string,
  key: string,
): Promise<{ readonly analysis: SoundAnalysis; readonly values: Float32Array } | null> {
  try {
    const { tensors, metadata } = parseSafetensorsFile(await readFile(file), file);
    const values = tensors.get('features')?.data;
    if (metadata.key !== key || !(values instanceof Float32Array)) return null;
    return { analysis: JSON.parse(metadata.analysis!), values };
  } catch {
    // After any error the features are computed again and the file is replaced.
    return null;
  }
}

async function writeCache(file: string, key: string, analysis: SoundAnalysis, values: Float32Array): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  const tensor = { name: 'features', shape: [values.length], data: values };
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(aside, safetensorsFile([tensor], { key, analysis: JSON.stringify(analysis) }));
    await rename(aside, file);
  } catch {
    // An unwritable cache only costs time at the next start.
    await unlink(aside).catch(() => undefined);
  }
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
