/**
 * Finds CIFAR-10, in its binary or python form, loose or archived; where it is nowhere, fetches the official binary
 * archive into the cache folder.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import type { Dataset } from '../imageSet.js';
import { cifar10BinaryFiles, readCifar10Binary } from './cifar10Binary.js';
import { cifar10PythonFiles, readCifar10Python } from './cifar10Python.js';
import { type DownloadOptions, download, type RemoteFile } from './download.js';
import { type NamedFiles, readArchive, readFolder } from './namedFiles.js';

/** The official archives; checksums as published on https://www.cs.toronto.edu/~kriz/cifar.html. */
export const cifar10Archives = {
  binary: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
  },
  python: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz',
    md5: 'c58f30108f718f92721af3b95e74349a',
  },
} as const satisfies Record<string, RemoteFile>;

const archiveNames = Object.values(cifar10Archives).map(({ url }) => path.posix.basename(url));
const innerFolders = ['cifar-10-batches-bin', 'cifar-10-batches-py'];
const wantedFiles = [...cifar10BinaryFiles, ...cifar10PythonFiles];

export interface Cifar10Options extends DownloadOptions {
  readonly cacheDirectory: string;
  readonly download?: boolean | undefined;
  /** Where to look first when no location is given; absent: ./data. */
  readonly dataDirectory?: string | undefined;
}

/**
 * @param location a folder or an archive; absent: ./data, then the cache folder, then a download
 * @throws InputError if nothing is found at the location, or without one nothing is found and nothing can be fetched, or
 * what is found is damaged
 */
export async function loadCifar10(location: string | undefined, options: Cifar10Options): Promise<Dataset> {
  if (location !== undefined) {
    const found = await find(location);
    if (found) return read(found);
    throw new InputError(
      `${location}: no CIFAR-10 here; wanted: ${archiveNames.join(', ')}, or a folder with ` +
        `${cifar10BinaryFiles.join(', ')} or with ${cifar10PythonFiles.join(', ')}`,
    );
  }
  const found = (await find(options.dataDirectory ?? 'data')) ?? (await find(options.cacheDirectory));
  return read(found ?? (await fetchArchive(options)));
}

/** CIFAR-10's files in an archive, a folder, or the usual places inside a folder; undefined if there are none. */
async function find(location: string): Promise<NamedFiles | undefined> {
  if (!(await look(location))?.isDirectory()) return findInArchive(location);
  for (const folder of [location, ...innerFolders.map((name) => path.join(location, name))]) {
    const found = await readFolder(folder, wantedFiles);
    if (found.files.size > 0) return found;
  }
  for (const archive of archiveNames.flatMap((name) => [name, name.replace(/\.gz$/, '')])) {
    const found = await findInArchive(path.join(location, archive));
    if (found) return found;
  }
  return undefined;
}

async function findInArchive(archive: string): Promise<NamedFiles | undefined> {
  if (!(await look(archive))?.isFile()) return undefined;
  const found = await readArchive(archive, wantedFiles);
  return found.files.size > 0 ? found : undefined;
}

/** The file or folder at a place; undefined for nothing. */
async function look(place: string): Promise<Stats | undefined> {
  try {
    return await stat(place);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw readFault(error, place);
  }
}

function read(source: NamedFiles): Dataset {
  const isBinary = cifar10BinaryFiles.some((name) => source.files.has(name));
  return isBinary ? readCifar10Binary(source) : readCifar10Python(source);
}

async function fetchArchive(options: Cifar10Options): Promise<NamedFiles> {
  const remote = cifar10Archives.binary;
  const target = path.join(options.cacheDirectory, path.posix.basename(remote.url));
  const mend = `put ${remote.url} into ./data or ${options.cacheDirectory}, name its place (--data cifar10:PLACE), or use --data synthetic`;
  if (options.download === false) throw new InputError(`CIFAR-10 was not found in ./data; ${mend}`);
  try {
    await download(remote, target, options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`CIFAR-10 was not found in ./data and the download failed: ${error.message}; ${mend}`);
  }
  return readArchive(target, wantedFiles);
}
