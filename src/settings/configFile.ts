/**
 * Reads .cfg files by the rules of Python's configparser, in which the published experiments are written: a [DEFAULT]
 * section that all others inherit from, `=` or `:` between key and value, keys without regard to case, whole-line
 * remarks behind `#` or `;`, values that go on in indented lines, `%(key)s` for the value of another key.
 *
 * The INI packages of npm know neither inheritance nor continued values nor line numbers, and an error message is worth
 * little without a line number, so the reader is our own. Format: https://docs.python.org/3/library/configparser.html
 */
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readFault } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import { didYouMean } from './didYouMean.js';

/** A key's value and where it stands. `section` is 'DEFAULT' for an inherited key; `line` counts from 1. */
export interface ConfigEntry {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

type Section = ReadonlyMap<string, ConfigEntry>;

/** A .cfg file as written: values are not interpolated yet and nothing is inherited yet. */
export interface ConfigFile {
  readonly path: string;
  readonly defaults: Section;
  /** In the order of the file, without [DEFAULT]. */
  readonly sections: ReadonlyMap<string, Section>;
}

export const defaultSection = 'DEFAULT';

// Values that take in each other grow without bounds otherwise.
const maxValueLength = 65_536;

/** Reads a .cfg file. Throws an `InputError` if it cannot be read or breaks a rule of the format. */
export function readConfigFile(path: string): ConfigFile {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  return parseConfig(decodeText(bytes, path), path);
}

/** The text of a file in UTF-8. Throws an `InputError` that names the encoding which the bytes speak for. */
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

/** The line, from 1 on, of the first bytes that are no UTF-8. */
function lineOfFirstFault(bytes: Buffer): number {
  const lines = bytes.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}

/** Reads the text of a .cfg file; `path` is used in messages only. */
export function parseConfig(text: string, path: string): ConfigFile {
  const defaults = new Map<string, ConfigEntry>();
  const sections = new Map<string, Map<string, ConfigEntry>>();
  const headerLines = new Map<string, number>();
  let name = '';
  let section: Map<string, ConfigEntry> | undefined;
  let key: string | undefined;
  let keyIndent = 0;

  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  for (const [index, raw] of lines.entries()) {
    const line = index + 1;
    const content = raw.trim();
    const fail = (message: string) => new InputError(`${path}:${line}: ${message}`);
    if (content.startsWith('#') || content.startsWith(';')) continue;

    const current = key === undefined ? undefined : section?.get(key);
    if (content === '') {
      if (current) section?.set(current.key, { ...current, value: `${current.value}\n` });
      continue;
    }
    const indent = raw.search(/\S/);
    if (current && indent > keyIndent) {
      section?.set(current.key, { ...current, value: `${current.value}\n${content}` });
      continue;
    }
    keyIndent = indent;

    const header = /^\[([^\]]+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      const earlier = headerLines.get(header);
      if (earlier !== undefined && header !== defaultSection) {
        throw fail(`section [${header}] stands twice, first in line ${earlier}: rename or remove one`);
      }
      headerLines.set(header, line);
      name = header;
      key = undefined;
      section = header === defaultSection ? defaults : new Map();
      if (header !== defaultSection) sections.set(header, section as Map<string, ConfigEntry>);
      continue;
    }
    if (!section) throw fail(`'${content}' stands before the first section: begin with a [SECTION] line`);

    const option = /^([^=:]*)[=:](.*)$/.exec(content);
    key = option?.[1]?.trim().toLowerCase();
    if (!option || !key) throw fail(`'${content}' in [${name}] is no setting: write 'key = value'`);
    const earlier = section.get(key);
    if (earlier) {
      throw fail(`key ${key} stands twice in [${name}], first in line ${earlier.line}: remove one`);
    }
    section.set(key, { section: name, key, value: option[2]?.trim() ?? '', line });
  }
  return { path, defaults: trimmed(defaults), sections: new Map([...sections].map(([n, s]) => [n, trimmed(s)])) };
}

/**
 * The settings of one section with those inherited from [DEFAULT], interpolated. [DEFAULT] itself can be asked for.
 * Throws an `InputError` for an unknown section or a broken `%(key)s`.
 */
export function sectionEntries(file: ConfigFile, name: string): Map<string, ConfigEntry> {
  const own = name === defaultSection ? file.defaults : file.sections.get(name);
  if (!own) {
    const known = [...file.sections.keys(), defaultSection];
    throw new InputError(
      `${file.path}: no section [${name}]${didYouMean(name, known)}; mpdnn experiments --cfg ${file.path} lists all`,
    );
  }
  return interpolated(file.path, new Map([...file.defaults, ...own]));
}

/** The keys, in small letters, that any value of the file takes in by `%(key)s`: those may be of the file's own naming. */
export function interpolatedKeys({ defaults, sections }: ConfigFile): ReadonlySet<string> {
  const values = [defaults, ...sections.values()].flatMap((section) => [...section.values()]);
  const names = values.flatMap(({ value }) => [...value.matchAll(interpolation)].map(([, , name]) => name));
  return new Set(names.flatMap((name) => (name === undefined ? [] : name.toLowerCase())));
}

/** A percent sign, the value of another key, or a percent sign that stands for neither. */
const interpolation = /%(%|\(([^)]*)\)s|)/g;

function interpolated(path: string, entries: Section): Map<string, ConfigEntry> {
  const known = new Map<string, string>();
  const underWay = new Set<string>();
  const filledIn = (entry: ConfigEntry): string => {
    const { section, key, value, line } = entry;
    const fail = (message: string) => new InputError(`${path}:${line}: [${section}] ${key} = ${value}: ${message}`);
    const earlier = known.get(key);
    if (earlier !== undefined) return earlier;
    if (underWay.has(key)) throw fail('%(…)s refers to itself');
    underWay.add(key);
    const result = value.replace(interpolation, (_, token: string, name: string | undefined) => {
      if (token === '%') return '%';
      if (name === undefined) throw fail("a single '%': write '%%' for a percent sign or '%(key)s' for another key");
      const other = entries.get(name.toLowerCase());
      if (!other) throw fail(`%(${name})s: no such key here or in [DEFAULT]${didYouMean(name, [...entries.keys()])}`);
      return filledIn(other);
    });
    if (result.length > maxValueLength) throw fail(`is longer than ${maxValueLength} letters with its %(…)s filled in`);
    underWay.delete(key);
    known.set(key, result);
    return result;
  };
  return new Map([...entries].map(([key, entry]) => [key, { ...entry, value: filledIn(entry) }]));
}

/** Blank lines behind a value belong to it while reading on, since an indented line may still follow. */
function trimmed(section: Section): Section {
  return new Map([...section].map(([key, entry]) => [key, { ...entry, value: entry.value.trimEnd() }]));
}

function unreadable(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const near = code === 'ENOENT' ? didYouMean(basename(path), neighbours(path), dirname(path)) : '';
  if (near) return new InputError(`${path}: no such file${near}`);
  if (code === 'EISDIR') return new InputError(`${path}: is a folder; name the .cfg file in it`);
  return readFault(error, path);
}

function neighbours(path: string): string[] {
  try {
    return readdirSync(dirname(path)).filter((file) => file.endsWith('.cfg'));
  } catch {
    return [];
  }
}
