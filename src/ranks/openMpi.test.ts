/** Errors where Open MPI is not there, by a library that stands in for koffi. */

import { expect, it } from 'vitest';
import { openMpi } from './openMpi.js';

type Koffi = Parameters<typeof openMpi>[0];

it('is refused in words where its library is not found', () => {
  const koffi = {
    load: (name: string) => {
      throw new Error(`${name}: cannot open shared object file`);
    },
  };
  expect(() => openMpi(koffi as unknown as Koffi)).toThrow(
    "Open MPI's library was not found (libmpi.so.40: cannot open shared object file); install it (Debian: apt-get install openmpi-bin)",
  );
});

it('is refused in words where the library is that of another MPI', () => {
  const library = { func: () => (name: Buffer) => name.write('MPICH Version:\t4.2\0') };
  expect(() => openMpi({ load: () => library } as unknown as Koffi)).toThrow(
    'MPICH Version:\\t4.2: only Open MPI works',
  );
});
