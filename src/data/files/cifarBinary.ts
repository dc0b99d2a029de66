/** The binary form of CIFAR: records of a label byte (CIFAR-100: two) and 3072 pixel bytes. */
import { InputError } from '../../errors.js';
import type { Dataset } from '../imageSet.js';
import { type CifarBatch, cifarImageBytes, joinCifarBatches } from './cifarRecord.js';
import type { CifarSet } from './cifarSets.js';
import { type NamedFiles, requireFile } from './namedFiles.js';

/** @throws InputError if a file is missing or does not hold whole records, or if a label is out of range */
export function readCifarBinary(source: NamedFiles, set: CifarSet): Dataset {
  const { kind, classes, binary } = set;
  const read = (files: readonly string[]) =>
    joinCifarBatches(
      files.map((file) => openBatch(source, file, set)),
      set,
    );
  return { name: kind, classes, train: read(binary.train), test: read([binary.test]) };
}

function openBatch(source: NamedFiles, name: string, { title, labelBytes }: CifarSet): CifarBatch {
  const bytes = requireFile(source, name);
  const file = `${source.place}: ${name}`;
  const recordBytes = labelBytes + cifarImageBytes;
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    throw new InputError(
      `${file} is truncated or no ${title} binary file: ${bytes.length} bytes are not whole records of ` +
        `${recordBytes}; fetch it again`,
    );
  }
  return {
    file,
    count: bytes.length / recordBytes,
    label: (index) => bytes[index * recordBytes + labelBytes - 1]!,
    pixels: (index) => bytes.subarray(index * recordBytes + labelBytes, (index + 1) * recordBytes),
  };
}
