/**
 * A rank that takes means of long vectors, all at once, by threads of its own; fails if one is not that of the tree. Started
 * by `mpirun` with the folder of the compiled package.
 */
import assert from 'node:assert';
import { pathToFileURL } from 'node:url';

const load = (path) => import(pathToFileURL(`${process.argv[2]}/dist/${path}`).href);
const { joinRanks } = await load('ranks/joinRanks.js');
const { hostFloats } = await load('program/hostFloats.js');
const { rounded } = await load('program/bfloat16.js');
const { treeMean } = await load('program/treeSum.js');

const ranks = await joinRanks();
const vectorOf = (rank, at) => {
  const [Floats, length] = at === 3 ? [Float64Array, 2 ** 19] : [Float32Array, at === 5 ? 2 ** 20 : 2 ** 19];
  const vector = new Floats(length + 1000 * at + 1);
  for (let i = 0; i < vector.length; i++) vector[i] = (Math.imul(i + at, 2654435761) >>> ((i + rank) % 24)) * 0.1;
  return at === 5 ? rounded(vector) : vector;
};
// More than there are threads; the last ones want more room than the first of their threads.
const wanted = Array.from({ length: 9 }, (_, at) => {
  const vectors = Array.from({ length: ranks.size }, (_, rank) => vectorOf(rank, at));
  return treeMean(vectors, ranks.size);
});
const means = wanted.map((mean) => mean.slice().fill(0));
await Promise.all(
  means.map((mean, at) => ranks.mean(hostFloats(vectorOf(ranks.rank, at)), ranks.size, hostFloats(mean))),
);
const bytes = ({ buffer }) => Buffer.from(buffer);
for (const [at, mean] of means.entries()) assert(bytes(mean).equals(bytes(wanted[at])), `mean ${at}`);
console.log(`rank ${ranks.rank}: ${means.length} means`);
ranks.leave();
