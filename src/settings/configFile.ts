/**
 * Reader of .cfg files by the rules of Python's configparser, in which the published experiments are written: a
 * [DEFAULT] section that all others inherit from, `=` or `:` between key and value, keys without regard to case,
 * whole-line comments behind `#` or `;`, values continued on indented lines, `%(key)s` for the value of another key.
 *
 * The INI packages of npm support neither inheritance nor continued values nor line numbers, which error messages need.
 * Format: https://docs.python.org/3/library/configparser.html
 */
import { InputError } from '../errors.js';
import { programName } from './commandLine.js';
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

// A limit for values that interpolate each other, which would grow without bounds.
const maxValueLength = 65_536;

/** Parses the text of a .cfg file. `path` is used in messages only. */
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
 *
 * @throws InputError for an unknown section or a broken `%(key)s`
 */
export function sectionEntries(file: ConfigFile, name: string): Map<string, ConfigEntry> {
  const own = name === defaultSection ? file.defaults : file.sections.get(name);
  if (!own) {
    const known = [...file.sections.keys(), defaultSection];
    throw new InputError(
      `${file.path}: no section [${name}]${didYouMean(name, known)}; ${programName()} experiments --cfg ${file.path} lists all`,
    );
  }
  return interpolated(file.path, new Map([...file.defaults, ...own]));
}

/** The keys, in lower case, that any value interpolates by `%(key)s`; these may be of the file's own naming. */
export function interpolatedKeys({ defaults, sections }: ConfigFile): ReadonlySet<string> {
  const values = [defaults, ...sections.values()].flatMap((section) => [...section.values()]);
  const names = values.flatMap(({ value }) => [...value.matchAll(interpolation)].map(([, , name]) => name));
  return new Set(names.flatMap((name) => (name === undefined ? [] : name.toLowerCase())));
}

/** `%%`, `%(key)s`, or a percent sign that is neither. */
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

/**
 * The section without blank lines at the ends of its values. While reading they are kept, since an indented line may
 * follow.
 */
function trimmed(section: Section): Section {
  return new Map([...section].map(([key, entry]) => [key, { ...entry, value: entry.value.trimEnd() }]));
}
