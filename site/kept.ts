/**
 * Storage that outlives the tab: images and training in the origin's private files, which only this page can read. A
 * file is replaced as a whole when its stream closes, so that closing the tab in between leaves the previous one.
 */

import { InputError } from '../src/errors.js';
import type { TrainingData } from '../src/library/train.js';
import { parseSafetensorsFile, safetensorsFile } from '../src/weights/checkedSafetensors.js';
import type { NamedTensor, Safetensors } from '../src/weights/safetensors.js';
import type { TrainingState } from './training.js';

/** Incremented by changes that other versions of the page cannot read. */
const VERSION = '1';
const IMAGES = 'images.safetensors';
const TRAINING = 'training.safetensors';

/** A training and its images, which a common name links. */
export interface KeptTraining {
  readonly data: TrainingData;
  readonly state: TrainingState;
}

export interface Keeper {
  /** Reads the stored training; null for none. Rejects with an `InputError` if it is damaged, or of another version. */
  read(): Promise<KeptTraining | null>;
  /** Stores the images of a new training. */
  begin(data: TrainingData): Promise<void>;
  /** Stores a state; of those that come while another one is being written, only the latest. */
  keep(state: TrainingState): Promise<void>;
  forget(): Promise<void>;
}

/** Rejects if the browser has no private files, or does not permit them. */
export async function openKeeper(): Promise<Keeper> {
  const folder = await navigator.storage.getDirectory();
  // Safari had the folder long before pages could write to it in this way.
  if (!('createWritable' in FileSystemFileHandle.prototype)) {
    throw new InputError('this browser does not let pages write private files so');
  }
  const read = async (name: string): Promise<Safetensors | null> => {
    const handle = await folder.getFileHandle(name).catch(() => null);
    if (!handle) return null;
    const file = parseSafetensorsFile(await (await handle.getFile()).arrayBuffer(), name);
    if (file.metadata.version === VERSION) return file;
    throw new InputError(`${name}: is of another version of this page`);
  };
  const write = async (name: string, bytes: Uint8Array): Promise<void> => {
    const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
    await stream.write(bytes as Uint8Array<ArrayBuffer>);
    await stream.close();
  };
  let id = '';
  let latest: TrainingState | null = null;
  let writing: Promise<void> | null = null;
  const writeAll = async (): Promise<void> => {
    while (latest) {
      const state = latest;
      latest = null;
      await write(TRAINING, trainingFile(state, id));
    }
  };
  return {
    read: async () => {
      const [images, training] = [await read(IMAGES), await read(TRAINING)];
      if (!images || !training || images.metadata.id !== training.metadata.id) return null;
      id = images.metadata.id ?? '';
      return { data: dataOf(images), state: stateOf(training) };
    },
    begin: async (data) => {
      latest = null;
      await writing;
      id = crypto.randomUUID();
      await write(IMAGES, imagesFile(data, id));
    },
    keep: (state) => {
      latest = state;
      writing ??= writeAll().finally(() => {
        writing = null;
      });
      return writing;
    },
    forget: async () => {
      latest = null;
      await writing;
      for (const name of [TRAINING, IMAGES]) await folder.removeEntry(name).catch(() => {});
    },
  };
}

const bytes = (name: string, data: Uint8Array): NamedTensor => ({ name, shape: [data.length], data });

function imagesFile({ train, test, ...shape }: TrainingData, id: string): Uint8Array {
  const tensors = Object.entries({ train, test }).flatMap(([name, { images, labels }]) => [
    bytes(`${name}.images`, images as Uint8Array),
    { name: `${name}.labels`, shape: [labels.length], data: Int32Array.from(labels) },
  ]);
  return safetensorsFile(tensors, { version: VERSION, id, shape: JSON.stringify(shape) });
}

function dataOf({ tensors, metadata }: Safetensors): TrainingData {
  const of = (name: string) => ({
    images: tensors.get(`${name}.images`)!.data as Uint8Array,
    labels: tensors.get(`${name}.labels`)!.data as Int32Array,
  });
  return { ...JSON.parse(metadata.shape!), train: of('train'), test: of('test') };
}

function trainingFile({ checkpoint, float, ...rest }: TrainingState, id: string): Uint8Array {
  const tensors = Object.entries({ checkpoint, float }).flatMap(([name, data]) => (data ? [bytes(name, data)] : []));
  return safetensorsFile(tensors, { version: VERSION, id, state: JSON.stringify(rest) });
}

function stateOf({ tensors, metadata }: Safetensors): TrainingState {
  const of = (name: string) => (tensors.get(name)?.data as Uint8Array | undefined) ?? null;
  return { ...JSON.parse(metadata.state!), checkpoint: of('checkpoint'), float: of('float') };
}
