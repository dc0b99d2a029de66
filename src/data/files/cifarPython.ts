/** The python form of CIFAR: each file a pickled dictionary with `data` (uint8, [images, 3072]) and labels. */
import { InputError } from '../../errors.js';
import type { Dataset } from '../imageSet.js';
import { type CifarBatch, cifarImageBytes, joinCifarBatches } from './cifarRecord.js';
import type { CifarSet } from './cifarSets.js';
import { type NamedFiles, requireFile } from './namedFiles.js';
import { ByteArray, unpickleDictionary } from './numpyPickle.js';

/** @throws InputError if a file is missing, corrupt or of another form, or if a label is out of range */
export function readCifarPython(source: NamedFiles, set: CifarSet): Dataset {
  const { kind, classes, python } = set;
  const read = (files: readonly string[]) =>
    joinCifarBatches(
      files.map((file) => openBatch(source, file, set)),
      set,
    );
  return { name: kind, classes, train: read(python.train), test: read([python.test]) };
}

function openBatch(source: NamedFiles, name: string, { title, labelKey }: CifarSet): CifarBatch {
  const file = `${source.place}: ${name}`;
  const dictionary = unpickleDictionary(requireFile(source, name), file, title);
  const data = dictionary.get('data');
  const labels = dictionary.get(labelKey);
  if (
    !(data instanceof ByteArray && data.shape.length === 2 && data.shape[1] === cifarImageBytes) ||
    !(Array.isArray(labels) && labels.length === data.shape[0])
  ) {
    throw new InputError(
      `${file}: no ${title} batch; data (uint8, images x 3072) and as many numbers in ${labelKey} are wanted`,
    );
  }
  return {
    file,
    count: labels.length,
    label: (index) => labels[index],
    pixels: (index) => data.bytes.subarray(index * cifarImageBytes, (index + 1) * cifarImageBytes),
  };
}
