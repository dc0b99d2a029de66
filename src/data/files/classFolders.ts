/** Folders named after the classes of the files in them. */
import { type Dirent, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import type { ClassFile } from '../imageStream.js';

/** The kind of files to list. */
export interface FileKind {
  /** Its name in messages. */
  readonly plural: string;
  readonly endings: readonly string[];
}

/**
 * Lists the files of a set, class by class, and counts the other files in its folder.
 *
 * @param beside names of files beside the class folders that are read, too
 */
export function listFiles(
  folder: string,
  classes: readonly string[],
  kind: FileKind,
  beside: readonly string[] = [],
): { readonly files: readonly ClassFile[]; readonly leftOut: LeftOut } {
  const outside = listEntries(folder).filter(({ name }) => !classes.includes(name) && !beside.includes(name));
  const leftOut: LeftOut = new Map(outside.length > 0 ? [['beside the class folders', outside.length]] : []);
  const files = classes.flatMap((name, label) => {
    const classFolder = path.join(folder, name);
    if (!isFolder(classFolder)) throw new InputError(`${classFolder}: no such folder; every class needs one`);
    const own: LeftOut = new Map();
    const found = filesBelow(classFolder, { name, label, kind }, own);
    if (found.length === 0) {
      const others = own.size > 0 ? ` (but ${listed(own)})` : '';
      throw new InputError(`${classFolder}: no ${kind.plural}${others}; wanted: ${kind.endings.join(', ')} files`);
    }
    for (const [ending, count] of own) leftOut.set(ending, (leftOut.get(ending) ?? 0) + count);
    return found;
  });
  return { files, leftOut };
}

/** The files of a folder, then those of its subfolders. `name`: path of the folder below that of the set. */
function filesBelow(
  folder: string,
  { name, label, kind }: { readonly name: string; readonly label: number; readonly kind: FileKind },
  leftOut: LeftOut,
): ClassFile[] {
  const entries = listEntries(folder);
  const files = entries.flatMap((entry): ClassFile[] => {
    if (entry.isDirectory()) return [];
    const file = path.join(folder, entry.name);
    const ending = path.extname(entry.name).toLowerCase();
    const found = kind.endings.includes(ending) ? inWords(file, () => statSync(file)) : undefined;
    if (!found?.isFile()) {
      const what = ending || 'without an ending';
      leftOut.set(what, (leftOut.get(what) ?? 0) + 1);
      return [];
    }
    return [{ file, name: `${name}/${entry.name}`, label, bytes: found.size, modifiedMs: found.mtimeMs }];
  });
  const deeper = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => filesBelow(path.join(folder, entry.name), { name: `${name}/${entry.name}`, label, kind }, leftOut));
  return [files, ...deeper].flat();
}

/** Numbers of ignored files, by ending or place. */
export type LeftOut = Map<string, number>;

/** A note about ignored files, if there are any. */
export function leftOutNote(location: string, sets: readonly LeftOut[], { endings }: FileKind): string[] {
  const sum: LeftOut = new Map();
  for (const [what, count] of sets.flatMap((set) => [...set])) sum.set(what, (sum.get(what) ?? 0) + count);
  if (sum.size === 0) return [];
  const total = [...sum.values()].reduce((a, b) => a + b);
  const files = total === 1 ? '1 file is' : `${total} files are`;
  return [`${location}: ${files} left out (${listed(sum)}); read are ${endings.join(', ')}`];
}

function listed(leftOut: LeftOut): string {
  const sorted = [...leftOut].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([kind, count]) => `${count} ${kind}`).join(', ');
}

/** The subfolders of a folder, in order. */
export function foldersIn(folder: string): string[] {
  const names = listEntries(folder).map(({ name }) => name);
  return names.filter((name) => isFolder(path.join(folder, name)));
}

/**
 * Visible entries, sorted by code units, which gives the same order on every machine.
 *
 * @throws InputError if the folder cannot be read, or if a name in it is not valid UTF-8
 */
function listEntries(folder: string): Dirent[] {
  const entries = inWords(folder, () => readdirSync(folder, { withFileTypes: true }));
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  // Node puts this character for bytes of a name that are not UTF-8, and cannot open such a file.
  const strange = visible.find(({ name }) => name.includes('\ufffd'));
  if (strange) throw new InputError(`${path.join(folder, strange.name)}: this name is not UTF-8; rename it`);
  return visible.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function isFolder(folder: string): boolean {
  return inWords(folder, () => statSync(folder, { throwIfNoEntry: false }))?.isDirectory() ?? false;
}

function inWords<T>(file: string, access: () => T): T {
  try {
    return access();
  } catch (error) {
    throw readFault(error, file);
  }
}
