/** CIFAR-10's binary form: records of a label byte and 3072 pixel bytes, nothing else. */
import { InputError } from '../../errors.js';
import type { Dataset } from '../imageSet.js';
import { type Cifar10Batch, cifar10Classes, cifar10ImageBytes, joinCifar10Batches } from './cifar10Record.js';
import { type NamedFiles, requireFile } from './namedFiles.js';

const trainFiles = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`);
const testFile = 'test_batch.bin';

export const cifar10BinaryFiles: readonly string[] = [...trainFiles, testFile];

const recordBytes = 1 + cifar10ImageBytes;

/** @throws InputError if a file is missing or does not hold whole records, or a label is out of range. */
export function readCifar10Binary(source: NamedFiles): Dataset {
  const read = (files: readonly string[]) => joinCifar10Batches(files.map((file) => openBatch(source, file)));
  return { name: 'cifar10', classes: cifar10Classes, train: read(trainFiles), test: read([testFile]) };
}

function openBatch(source: NamedFiles, name: string): Cifar10Batch {
  const bytes = requireFile(source, name);
  const file = `${source.place}: ${name}`;
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    throw new InputError(
      `${file} is truncated or no CIFAR-10 binary file: ${bytes.length} bytes are not whole records of ` +
        `${recordBytes}; fetch it again`,
    );
  }
  return {
    file,
    count: bytes.length / recordBytes,
    label: (index) => bytes[index * recordBytes]!,
    pixels: (index) => bytes.subarray(index * recordBytes + 1, (index + 1) * recordBytes),
  };
}
