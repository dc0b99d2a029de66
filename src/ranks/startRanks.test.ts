/** Commands that start ranks on a machine, from what is known of it; `test/ranks.test.ts` starts some. */

import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { checkOwnCard, visibleCards } from './cards.js';
import { type Machine, rankCommand, runRanks } from './startRanks.js';

const cards = ['/dev/nvidia0', '/dev/nvidia1', '/dev/nvidia2'];
const machine: Machine = { cards, unshare: ['unshare', '--mount'], isConstrained: false };

it('cards are the devices that may be opened, in the order of their numbers', () => {
  const folder = temporaryFolder();
  for (const name of ['nvidia10', 'nvidia2', 'nvidiactl', 'nvidia-uvm', 'null']) writeFileSync(join(folder, name), '');
  symlinkSync('/dev/null', join(folder, 'nvidia3'));
  symlinkSync('/nowhere', join(folder, 'nvidia4'));
  expect(visibleCards(folder)).toEqual([join(folder, 'nvidia2'), join(folder, 'nvidia10')]);
});

it('each rank is started with all cards hidden but its own', () => {
  const command = rankCommand(2, ['node', 'main.js', 'train'], machine);
  const parts = command.join(' ').split(' -n 1 ');
  expect(parts).toHaveLength(3);
  expect(parts[0]).toMatch(/^mpirun /);
  expect(parts[1]).toMatch(/^unshare --mount sh -c .* sh \/dev\/nvidia1 \/dev\/nvidia2 -- node main.js train :$/);
  expect(parts[2]).toMatch(/^unshare --mount sh -c .* sh \/dev\/nvidia0 \/dev\/nvidia2 -- node main.js train$/);
});

it('Slurm starts them where it hides cards and mounts are not allowed', () => {
  const command = rankCommand(2, ['node', 'main.js'], { ...machine, unshare: null, isConstrained: true });
  expect(command.join(' ')).toBe('srun --ntasks=2 --overlap --mpi=pmix --gpus-per-task=1 --wait=30 node main.js');
});

it.each([
  [3, {}, '--gpus 3: shards are shared by a power of two of processes'],
  [4, {}, '--gpus 4: only /dev/nvidia0, /dev/nvidia1, /dev/nvidia2 can be used here'],
  [2, { cards: [] }, '--gpus 2: no card of NVIDIA was found here'],
  [2, { unshare: null }, '--gpus 2: a process cannot be kept to one card here, .* be root, .* ConstrainDevices=yes'],
])('%i cards are refused with %j', (count, lacking, message) => {
  expect(() => rankCommand(count, ['node'], { ...machine, ...lacking })).toThrow(new RegExp(message));
});

it('a rank is refused that sees the cards of others', () => {
  expect(() => checkOwnCard(1, cards.slice(0, 2))).toThrow('rank 1 sees /dev/nvidia0 and /dev/nvidia1, as others do: ');
  expect(() => checkOwnCard(0, [])).toThrow('rank 0 sees no card of NVIDIA: ');
  expect(() => checkOwnCard(0, cards.slice(0, 1))).not.toThrow();
});

it('says in one line what to install where mpirun is not there', async () => {
  await expect(runRanks(['no-mpirun'], [], 130)).rejects.toThrow(
    'no-mpirun: no such program: several ranks need Open MPI',
  );
});
