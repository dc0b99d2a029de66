/** A folder of C99 that runs an integer network: `net.c`, `net.h`, a test with expected logits, and a Makefile. */

import { InputError } from '../../errors.js';
import type { IntegerNetwork } from '../integerNetwork.js';
import { header } from './header.js';
import { networkSource } from './networkSource.js';
import { planOf } from './plan.js';
import { makefile, testData, testProgram } from './testProgram.js';

/** The name of the C files, and the images of their test. */
export interface COptions {
  /** Name of the files, and prefix of all public names, so that a program can hold several networks. */
  readonly name: string;
  /** Images of the test, bytes [H, W, C] each; at least one. */
  readonly images: readonly Uint8Array[];
}

/**
 * The texts of the files by name.
 *
 * @throws InputError for a name that is invalid in C, and for a network whose sums exceed C's integers
 * @example
 * const { network } = lowerNetwork(training, classes);
 * for (const [file, text] of cFiles(network, { name: 'net', images: [image] })) writeFileSync(file, text);
 */
export function cFiles(network: IntegerNetwork, { name, images }: COptions): ReadonlyMap<string, string> {
  if (!isPrefix(name)) {
    throw new InputError(`${name}: no prefix for C; take lower case letters, digits and _, a letter first, not test`);
  }
  const plan = planOf(network);
  return new Map([
    [`${name}.h`, header(plan, name)],
    [`${name}.c`, networkSource(plan, name)],
    ['test.h', testData(plan, name, images)],
    ['test.c', testProgram(name)],
    ['Makefile', makefile(name)],
  ]);
}

/** The prefix for a network with any name. */
export function prefixOf(name: string): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const letters = words.join('_');
  return isPrefix(letters) ? letters : ['net', ...words].join('_');
}

/** Tells whether a name can begin names in C and those of files, which are not the test's. */
function isPrefix(name: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(name) && name !== 'test';
}
