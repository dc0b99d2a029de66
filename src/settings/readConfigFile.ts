/** Finds and reads .cfg files of the user, and those shipped with the program. */
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, readFault } from '../disk/fileFault.js';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { type ConfigFile, parseConfig } from './configFile.js';
import { didYouMean } from './didYouMean.js';

/**
 * Reads a .cfg file. If there is none at the path `written`, a shipped file of that name is read, with or without
 * folder and ending: `train_resnet_quant_fp`, `configs/train_resnet_quant_fp.cfg`.
 *
 * @throws InputError if it cannot be read, breaks a rule of the format or holds no section
 */
export function readConfigFile(written: string): ConfigFile {
  const path = userPath(written);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const shipped = codeOf(error) === 'ENOENT' ? shippedName(path) : undefined;
    if (shipped === undefined) throw unreadable(path, error);
    bytes = readFileSync(join(shippedFolder, shipped));
  }
  const file = parseConfig(decodeText(bytes, path), path);
  if (file.sections.size > 0 || file.defaults.size > 0) return file;
  throw new InputError(`${path}: holds no section; begin one with a line such as [MINE], with key = value lines below`);
}

/** The folder of the shipped .cfg files. */
export const shippedFolder = fileURLToPath(new URL('../../configs/', import.meta.url));

/** The names of the shipped .cfg files. */
export function shippedConfigs(): string[] {
  return neighbours(shippedFolder);
}

function shippedName(path: string): string | undefined {
  const name = /^(?:\.\/)?(?:configs\/)?([^/]+?)(?:\.cfg)?$/.exec(path.replaceAll('\\', '/'))?.[1];
  return shippedConfigs().find((shipped) => shipped === `${name}.cfg`);
}

/**
 * Decodes UTF-8.
 *
 * @throws InputError that names the likely encoding of other bytes
 */
function decodeText(bytes: Buffer, path: string): string {
  const convert = (encoding: string) =>
    `save it as UTF-8, or convert it: iconv -f ${encoding} -t UTF-8 ${basename(path)} > new.cfg`;
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || bytes.includes(0)) {
    throw new InputError(`${path}: is not in UTF-8 but seems to be UTF-16; ${convert('UTF-16')}`);
  }
  if (!isUtf8(bytes)) {
    throw new InputError(
      `${path}:${lineOfFirstFault(bytes)}: is not in UTF-8 but seems to be Latin-1; ${convert('ISO-8859-1')}`,
    );
  }
  return bytes.toString('utf8');
}

/** The line, from 1, of the first bytes that are not UTF-8. */
function lineOfFirstFault(bytes: Buffer): number {
  const lines = bytes.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}

function unreadable(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'ENOENT') {
    const near = didYouMean(basename(path), neighbours(dirname(path)), dirname(path));
    const hint =
      near ||
      didYouMean(
        basename(path, '.cfg'),
        shippedConfigs().map((name) => basename(name, '.cfg')),
      );
    return new InputError(`${path}: no such file${hint || `; with the program come ${shippedConfigs().join(', ')}`}`);
  }
  if (code === 'EISDIR') return new InputError(`${path}: is a folder; name the .cfg file in it`);
  return readFault(error, path);
}

function neighbours(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.cfg'));
  } catch {
    return [];
  }
}
