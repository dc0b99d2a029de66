/**
 * Finds CIFAR-10 or CIFAR-100 in binary or python form, loose or archived; otherwise downloads the official binary
 * archive into the cache folder.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isMissing, readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import type { Dataset } from '../imageSet.js';
import { readCifarBinary } from './cifarBinary.js';
import { readCifarPython } from './cifarPython.js';
import type { CifarSet } from './cifarSets.js';
import { type DownloadOptions, download } from './download.js';
import { type NamedFiles, readArchive, readFolder } from './namedFiles.js';

export interface CifarOptions extends DownloadOptions {
  readonly cacheDirectory: string;
  readonly download?: boolean | undefined;
  /** The first place to look if no location is given; absent for ./data. */
  readonly dataDirectory?: string | undefined;
}

/**
 * Loads CIFAR-10 or CIFAR-100.
 *
 * @param location a folder or an archive; absent to look in ./data, then the cache folder, then download
 * @throws InputError if nothing is found at the location; if without a location nothing is found and nothing can be
 *   downloaded; if the files are damaged
 */
export async function loadCifar(set: CifarSet, location: string | undefined, options: CifarOptions): Promise<Dataset> {
  if (location !== undefined) {
    const found = await find(location, set);
    if (found) return read(found, set);
    const [binary, python] = [set.binary, set.python].map(filesOf);
    throw new InputError(
      `${location}: no ${set.title} here; wanted: ${archivesOf(set).join(', ')}, or a folder with ` +
        `${binary!.join(', ')} or with ${python!.join(', ')}`,
    );
  }
  const found = (await find(options.dataDirectory ?? 'data', set)) ?? (await find(options.cacheDirectory, set));
  return read(found ?? (await fetchArchive(set, options)), set);
}

function filesOf({ train, test }: CifarSet['binary']): string[] {
  return [...train, test];
}

function wantedFiles({ binary, python }: CifarSet): string[] {
  return [...filesOf(binary), ...filesOf(python)];
}

function archivesOf({ binary, python }: CifarSet): string[] {
  return [binary, python].map(({ url }) => path.posix.basename(url));
}

/** The files of a set in an archive, a folder, or the usual places inside a folder; undefined if there are none. */
async function find(location: string, set: CifarSet): Promise<NamedFiles | undefined> {
  if (!(await look(location))?.isDirectory()) return findInArchive(location, set);
  for (const folder of [location, ...[set.binary, set.python].map(({ folder }) => path.join(location, folder))]) {
    const found = await readFolder(folder, wantedFiles(set));
    if (found.files.size > 0) return found;
  }
  for (const archive of archivesOf(set).flatMap((name) => [name, name.replace(/\.gz$/, '')])) {
    const found = await findInArchive(path.join(location, archive), set);
    if (found) return found;
  }
  return undefined;
}

async function findInArchive(archive: string, set: CifarSet): Promise<NamedFiles | undefined> {
  if (!(await look(archive))?.isFile()) return undefined;
  const found = await readArchive(archive, wantedFiles(set));
  return found.files.size > 0 ? found : undefined;
}

/** The status of a file or folder; undefined if there is none. */
async function look(place: string): Promise<Stats | undefined> {
  try {
    return await stat(place);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw readFault(error, place);
  }
}

function read(source: NamedFiles, set: CifarSet): Dataset {
  const isBinary = filesOf(set.binary).some((name) => source.files.has(name));
  return isBinary ? readCifarBinary(source, set) : readCifarPython(source, set);
}

async function fetchArchive(set: CifarSet, options: CifarOptions): Promise<NamedFiles> {
  const { kind, title, binary } = set;
  const target = path.join(options.cacheDirectory, path.posix.basename(binary.url));
  const mend = `put ${binary.url} into ./data or ${options.cacheDirectory}, name its place (--data ${kind}:PLACE), or use --data synthetic`;
  if (options.download === false) throw new InputError(`${title} was not found in ./data; ${mend}`);
  try {
    await download(binary, target, options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${title} was not found in ./data and the download failed: ${error.message}; ${mend}`);
  }
  return readArchive(target, wantedFiles(set));
}
