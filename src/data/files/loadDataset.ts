/**
 * Loads the images of a `--data` spec: chooses the reader, and for folders bytes or a stream.
 */
import { cacheFolder } from '../../disk/cacheFolder.js';
import { loadOptional } from '../../disk/optionalPackage.js';
import { InputError } from '../../errors.js';
import { classification, type Task } from '../../task.js';
import type { DataSpec } from '../dataSpec.js';
import type { Features } from '../features.js';
import type { Dataset } from '../imageSet.js';
import type { ImageStream, Images } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import type { SoundSettings } from '../sound.js';
import { generateSynthetic } from '../synthetic.js';
import { loadArrays } from './arrays.js';
import { loadCifar } from './cifar.js';
import { cifar10, cifar100 } from './cifarSets.js';
import { loadCsv } from './csv.js';
import { createDecoders } from './decoders.js';
import {
  type FolderListing,
  listImageFolder,
  listTestFolder,
  loadImageFolder,
  streamImageFolder,
} from './imageFolder.js';
import { loadMnist } from './mnist.js';
import { loadSounds } from './sounds.js';

export interface LoadOptions {
  /** Side of the squares to which image folders are decoded; absent if images have one size. */
  readonly imageSize?: number | undefined;
  /** True to decode images of folders on demand; by default (`auto`) if they are many or cropped. */
  readonly stream?: 'auto' | boolean | undefined;
  /** Framing of streamed images: `fill` (the default), or `crop`, which needs streaming. */
  readonly framing?: ImageStream['framing'] | undefined;
  /** Images decoded at a time while streaming; by default as many as the machine has threads. */
  readonly decodeThreads?: number | undefined;
  /** Loss and metric; by default classification. */
  readonly task?: Task | undefined;
  /** No training images are needed: the training set may be empty. */
  readonly testOnly?: boolean | undefined;
  /** Settings of the features of sounds. */
  readonly sound?: SoundSettings | null | undefined;
  /** Features of a trained network, which replace those of the settings. */
  readonly features?: Features | undefined;
  /** Seed of generated images, and of a part for testing where nothing else names one. */
  readonly seed: number;
  /** Folder of downloads and decoded images; by default in the user's cache. */
  readonly cacheDirectory?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** False to never download. */
  readonly download?: boolean | undefined;
  /** Replaces the global fetch, for tests and proxies. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Loads a dataset.
 *
 * @throws InputError with the file and its remedy for anything that is missing, damaged or does not fit
 */
export async function loadDataset(spec: DataSpec, options: LoadOptions): Promise<Dataset<Images>> {
  const cacheDirectory = options.cacheDirectory ?? cacheFolder();
  const { task = classification } = options;
  checkTargets(spec, task);
  switch (spec.kind) {
    case 'cifar10':
    case 'cifar100':
      return loadCifar(spec.kind === 'cifar10' ? cifar10 : cifar100, spec.location, { ...options, cacheDirectory });
    case 'mnist':
      return loadMnist(spec.location);
    case 'images':
      if (spec.location === undefined) throw new InputError('data images: the folder is missing; give images:FOLDER');
      return loadFolder((options.testOnly ? listTestFolder : listImageFolder)(spec.location), {
        ...options,
        cacheDirectory,
      });
    case 'arrays':
      if (spec.location === undefined) throw new InputError('data arrays: the file is missing; give arrays:FILE');
      return loadArrays(spec.location, options.testOnly ?? false, task);
    case 'csv':
      if (spec.location === undefined) throw new InputError('data csv: the file is missing; give csv:FILE');
      return loadCsv(spec.location, options.seed, options.testOnly ?? false, task);
    case 'wav': {
      const { sound, features, seed, testOnly = false } = options;
      if (spec.location === undefined || !sound)
        throw new InputError('data wav: the folder is missing; give wav:FOLDER');
      const known = features?.of === 'sound' ? features : undefined;
      return loadSounds(spec.location, {
        ...options,
        settings: sound,
        features: known,
        seed,
        testOnly,
        cacheDirectory,
      });
    }
    case 'synthetic':
      return generateSynthetic(options.seed, spec.count);
    default:
      throw new InputError(`no such dataset: ${spec.kind satisfies never}`);
  }
}

/** Throws an `InputError` if the kind of dataset has no targets for the loss; an autoencoder takes any. */
function checkTargets({ kind }: DataSpec, { loss, target }: Task): void {
  if (loss === 'classes' || target === 'input' || kind === 'arrays' || (kind === 'csv' && loss !== 'pixels')) return;
  const right = loss === 'pixels' ? 'arrays:FILE' : 'arrays:FILE or csv:FILE';
  throw new InputError(`loss = ${loss}: data = ${kind} has no such targets; right would be ${right}`);
}

/** The largest set in bytes that is resident by default; GPUs bind little more at once. */
const residentBytes = 2e9;

async function loadFolder(
  listing: FolderListing,
  options: LoadOptions & { readonly cacheDirectory: string },
): Promise<Dataset<Images>> {
  const { imageSize, stream = 'auto', framing = 'fill' } = options;
  await loadOptional('sharp', 'image files need it', () => import('sharp'));
  const count = listing.train.length + listing.test.length;
  const isLarge = imageSize !== undefined && count * imageSize ** 2 * 3 > residentBytes;
  const isStreamed = stream === 'auto' ? framing === 'crop' || isLarge : stream;
  if (!isStreamed) {
    if (framing === 'crop') throw new InputError('random crops are cut from files: they need stream = true or auto');
    return loadImageFolder(listing, options);
  }
  if (imageSize === undefined) throw new InputError('streamed images need an image size, such as image_size = 224');
  return streamImageFolder(listing, imageSize, framing, createDecoders(options.decodeThreads));
}
