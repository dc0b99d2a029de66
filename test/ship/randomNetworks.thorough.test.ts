/**
 * More random networks in C, with sanitizers, by another compiler and on every board. Each run of the suite has three with sanitizers, and one
 * on a board, a different one on each: as all draw from the same layers and widths, those find what is wrong with one of
 * them, and these a rare combination.
 */

import { describe, it } from 'vitest';
import { boards } from './boards.js';
import { randomNetwork } from './randomNetwork.js';
import { expectStored, tracedProgram } from './tracedProgram.js';

describe.each([0, 1, 2, 3, 4, 5, 6, 7])('random network %i', (seed) => {
  const { network, images } = randomNetwork(seed);

  it('has nothing undefined', () => {
    expectStored(network, images, tracedProgram(network, { sanitized: true, optimisation: '-O0' }));
  });

  it('has no warning of clang, which compiles the same', () => {
    expectStored(network, images, tracedProgram(network, { compiler: 'clang' }));
  });

  it.each(Object.entries(boards))('is computed on %s', (_, board) => {
    expectStored(network, images, tracedProgram(network, { board }));
  });
});
