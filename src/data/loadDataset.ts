/** From a `--data` spec to resident bytes: chooses the reader, then applies the limits. */
import { cacheFolder } from '../cacheFolder.js';
import { InputError } from '../errors.js';
import { loadCifar10 } from './cifar10.js';
import type { DataSpec } from './dataSpec.js';
import { loadImageFolder } from './imageFolder.js';
import { type Dataset, limit } from './imageSet.js';
import { loadMnist } from './mnist.js';
import type { OnProgress } from './progress.js';
import { generateSynthetic } from './synthetic.js';

export interface LoadOptions {
  /** Side of the square to which image folders are decoded; absent: their own common size. */
  readonly imageSize?: number | undefined;
  /** Use only so many training images: a fixed choice for a seed. */
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  /** For the limits and for generated images. */
  readonly seed: number;
  /** For downloads and decoded images; absent: a folder in the user's cache. */
  readonly cacheDirectory?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** false: never fetch anything. */
  readonly download?: boolean | undefined;
  /** Instead of the global fetch, for tests and proxies. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** @throws InputError naming the file and its mend, for everything that is missing, damaged or does not fit. */
export async function loadDataset(spec: DataSpec, options: LoadOptions): Promise<Dataset> {
  const { limitTrain, limitTest, seed } = options;
  const { train, test, ...rest } = await loadAll(spec, options);
  return {
    ...rest,
    train: limitTrain === undefined ? train : limit(train, limitTrain, seed, 'training set'),
    test: limitTest === undefined ? test : limit(test, limitTest, seed, 'test set'),
  };
}

async function loadAll(spec: DataSpec, options: LoadOptions): Promise<Dataset> {
  const cacheDirectory = options.cacheDirectory ?? cacheFolder();
  switch (spec.kind) {
    case 'cifar10':
      return loadCifar10(spec.location, { ...options, cacheDirectory });
    case 'mnist':
      return loadMnist(spec.location);
    case 'images':
      if (spec.location === undefined) throw new InputError('data images: the folder is missing; give images:FOLDER');
      return loadImageFolder(spec.location, { ...options, cacheDirectory });
    case 'synthetic':
      return generateSynthetic(options.seed, spec.count);
    default:
      throw new InputError(`no such dataset: ${spec.kind satisfies never}`);
  }
}
