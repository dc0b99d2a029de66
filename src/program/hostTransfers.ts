import type { HostVector, Program, StoragePart, Transfers } from '../engine/engine.js';
import { floatsOf, rounded, wordCount } from './bfloat16.js';
import { arraysOf, hostFloats, numbersOf } from './hostFloats.js';
import type { FloatVector } from './treeSum.js';

/** Transfers of a program without any of its own: parts are copies, which are written from where they were read to. */
export function hostTransfers(program: Program): Transfers {
  const copies = new Map<StoragePart, HostVector>();
  const read = async ({ ranges, isRounded }: StoragePart): Promise<HostVector> => {
    const values = ranges.map(({ storage, offset, length }) => program.read(storage, offset, length));
    const floats = (await Promise.all(values)) as FloatVector[];
    return joined(isRounded ? floats.map((each) => rounded(each)) : floats);
  };
  const writePart = (part: StoragePart): void => {
    const values = copies.get(part)!;
    let begin = 0;
    for (const { storage, offset, length } of part.ranges) {
      const end = begin + (part.isRounded ? wordCount(length) : length);
      program.write(storage, floatsOf(values.subarray(begin, end)).subarray(0, length), offset);
      begin = end;
    }
  };
  const write = (parts: readonly StoragePart[]): void => parts.forEach(writePart);
  return {
    runReading: (phase, parts) => {
      const run = program.run(phase);
      return parts.map(async (part) => {
        await run;
        const copy = await read(part);
        copies.set(part, copy);
        return hostFloats(copy);
      });
    },
    place: async (part) => hostFloats(copies.get(part)!),
    write,
    writeAndRun: async (parts, phase) => {
      write(parts);
      await program.run(phase);
    },
  };
}

/** Concatenates vectors of one type. */
function joined(vectors: readonly HostVector[]): HostVector {
  const [first] = vectors;
  if (vectors.length === 1) return first!;
  const length = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const together = new arraysOf[numbersOf(first!)](length);
  let offset = 0;
  for (const vector of vectors) {
    together.set(vector, offset);
    offset += vector.length;
  }
  return together;
}
