/** CIFAR-10's python form: a pickled dictionary a file, with `data` (uint8, [images, 3072]) and `labels`. */
import { InputError } from '../../errors.js';
import type { Dataset } from '../imageSet.js';
import { type Cifar10Batch, cifar10Classes, cifar10ImageBytes, joinCifar10Batches } from './cifar10Record.js';
import { type NamedFiles, requireFile } from './namedFiles.js';
import { ByteArray, unpickleDictionary } from './numpyPickle.js';

const trainFiles = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}`);
const testFile = 'test_batch';

export const cifar10PythonFiles: readonly string[] = [...trainFiles, testFile];

/** @throws InputError if a file is missing, corrupt or of another form, or a label is out of range. */
export function readCifar10Python(source: NamedFiles): Dataset {
  const read = (files: readonly string[]) => joinCifar10Batches(files.map((file) => openBatch(source, file)));
  return { name: 'cifar10', classes: cifar10Classes, train: read(trainFiles), test: read([testFile]) };
}

function openBatch(source: NamedFiles, name: string): Cifar10Batch {
  const file = `${source.place}: ${name}`;
  const dictionary = unpickleDictionary(requireFile(source, name), file);
  const data = dictionary.get('data');
  const labels = dictionary.get('labels');
  if (
    !(data instanceof ByteArray && data.shape.length === 2 && data.shape[1] === cifar10ImageBytes) ||
    !(Array.isArray(labels) && labels.length === data.shape[0])
  ) {
    throw new InputError(`${file}: no CIFAR-10 batch; data (uint8, images x 3072) and as many labels are wanted`);
  }
  return {
    file,
    count: labels.length,
    label: (index) => labels[index],
    pixels: (index) => data.bytes.subarray(index * cifar10ImageBytes, (index + 1) * cifar10ImageBytes),
  };
}
