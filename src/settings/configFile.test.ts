import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { InputError } from '../errors.js';
import { parseConfig, sectionEntries } from './configFile.js';
import { readConfigFile } from './readConfigFile.js';

const values = (text: string, section: string) =>
  Object.fromEntries([...sectionEntries(parseConfig(text, 'a.cfg'), section)].map(([key, { value }]) => [key, value]));

const fault = (text: string, section = 'A') => {
  try {
    values(text, section);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message;
  }
  return 'no error';
};

describe('the rules of configparser', () => {
  it('inherits from [DEFAULT], wherever it stands, and knows where a value was written', () => {
    const text = '[A]\ny = 3\n[DEFAULT]\nx = 1\ny = 2\n';
    expect(values(text, 'A')).toEqual({ x: '1', y: '3' });
    expect(values(text, 'DEFAULT')).toEqual({ x: '1', y: '2' });
    const entries = sectionEntries(parseConfig(text, 'a.cfg'), 'A');
    expect(entries.get('x')).toMatchObject({ section: 'DEFAULT', line: 4 });
    expect(entries.get('y')).toMatchObject({ section: 'A', line: 2 });
  });

  it('ignores the case of keys but not of sections', () => {
    expect(values('[A]\nLearning_Rate = 1\n[a]\nx = 2', 'A')).toEqual({ learning_rate: '1' });
    expect(values('[A]\nx = 1\n[a]\nx = 2', 'a')).toEqual({ x: '2' });
  });

  it('takes = and : between key and value, whichever comes first, and trims both', () => {
    expect(values('[A]\n a=1\nb : 2\nc = d:e\nf:g=h\nempty =\n', 'A')).toEqual({
      a: '1',
      b: '2',
      c: 'd:e',
      f: 'g=h',
      empty: '',
    });
  });

  it('ignores remark lines and what follows a section header, but no remark behind a value', () => {
    expect(values('# r\n; r\n[A]  # remark [B]\n  # r\nx = 1 # no remark\n', 'A')).toEqual({ x: '1 # no remark' });
  });

  it('continues values in indented lines, over blank lines and remarks too', () => {
    expect(values('[A]\nx = 1\n  2\n\n# r\n  3\ny = 4\n\n', 'A')).toEqual({ x: '1\n2\n\n3', y: '4' });
  });

  it('lets a key be indented as deep as the one before', () => {
    expect(values('[A]\n  x = 1\n  y = 2\n z = 3', 'A')).toEqual({ x: '1', y: '2', z: '3' });
  });

  it('reads Windows line ends and a byte order mark', () => {
    expect(values('\uFEFF[A]\r\nx = 1\r\ny = 2\r\n', 'A')).toEqual({ x: '1', y: '2' });
  });

  it('interpolates %(key)s in the section that is read, and %%', () => {
    const text = '[DEFAULT]\nname = net\nfile = %(NAME)s/%(leaf)s\nleaf = 5%%\n[A]\nname = %(own)s2\nown = A';
    expect(values(text, 'A')).toMatchObject({ file: 'A2/5%' });
    expect(fault(text, 'DEFAULT')).toBe('no error');
  });

  it('interpolates as many values as there are in no time, and stops where they grow too long', () => {
    const chain = (leaf: string) =>
      `[A]\n${Array.from({ length: 30 }, (_, i) => `k${i} = ${`%(k${i + 1})s`.repeat(10)}\n`).join('')}k30 = ${leaf}\n`;
    expect(values(chain(''), 'A')).toMatchObject({ k0: '' });
    expect(fault(chain('x'))).toMatch(/^a.cfg:\d+: \[A\] k\d+ = .*: is longer than 65536 letters/);
  });

  it('lets [DEFAULT] stand twice, as configparser does', () => {
    expect(values('[DEFAULT]\nx = 1\n[A]\n[DEFAULT]\ny = 2', 'A')).toEqual({ x: '1', y: '2' });
  });
});

describe('faults', () => {
  const folder = temporaryFolder();

  it.each([
    ['[A]\nx = 1\n[A]\n', 'a.cfg:3: section [A] stands twice, first in line 1: rename or remove one'],
    ['[A]\nx = 1\nX = 2\n', 'a.cfg:3: key x stands twice in [A], first in line 2: remove one'],
    ['x = 1\n', "a.cfg:1: 'x = 1' stands before the first section: begin with a [SECTION] line"],
    ['[A]\nnonsense\n', "a.cfg:2: 'nonsense' in [A] is no setting: write 'key = value'"],
    ['[A]\n= 3\n', "a.cfg:2: '= 3' in [A] is no setting: write 'key = value'"],
    ['[A]\nepochs = 3\nx = %(epoch)s\n', 'no such key here or in [DEFAULT]; did you mean'],
    ['[A]\nx = 5%\n', "a.cfg:2: [A] x = 5%: a single '%'"],
    ['[A]\nx = %(y)s\ny = %(x)s\n', 'a.cfg:2: [A] x = %(y)s: %(…)s refers to itself'],
    ['[FIRST]\n', 'a.cfg: no section [A]; npx mpdnn experiments --cfg a.cfg lists all'],
    ['[AB]\n', "a.cfg: no section [A]; did you mean 'AB'?"],
  ])('%j', (text, message) => {
    expect(fault(text)).toContain(message);
  });

  it.each([
    ['UTF-16', Buffer.from('\uFEFF[A]\nepochs = 3\n', 'utf16le'), /: is not in UTF-8 but seems to be UTF-16; save it/],
    ['UTF-16 without a mark', Buffer.from('[A]\nepochs = 3\n', 'utf16le'), /seems to be UTF-16; .* iconv -f UTF-16 /],
    [
      'Latin-1',
      Buffer.from('# Ü is fine\n[A]\nout = Größe\n', 'latin1'),
      /:1: is not in UTF-8 .* Latin-1; .*ISO-8859-1/,
    ],
    ['Latin-1 in its third line', Buffer.from('# \uFFFD\n[A]\nout = ', 'utf8'), null],
  ])('a file in %s', (_, bytes, message) => {
    const path = join(folder, 'encoded.cfg');
    writeFileSync(path, message ? bytes : Buffer.concat([bytes, Buffer.from([0xe9, 10])]));
    expect(() => readConfigFile(path)).toThrow(message ?? /encoded.cfg:3: is not in UTF-8/);
  });

  it('a file that is not there, or is a folder', () => {
    expect(() => readConfigFile('configs/quickstrat.cfg')).toThrow(
      /no such file; did you mean 'configs\/quickstart.cfg'/,
    );
    expect(() => readConfigFile('configs')).toThrow(/is a folder/);
    expect(() => readConfigFile(join(folder, 'x/none.cfg'))).toThrow(
      /none.cfg: no such file; with the program come mlperf_tiny.cfg, quickstart.cfg, train_imagenet.cfg/,
    );
  });
});

describe('a file that comes with the program', () => {
  const names = ['quickstart', 'quickstart.cfg', 'configs/quickstart.cfg', './configs/quickstart.cfg'];

  it.each(names)('is found from any folder as %s, unless a file of the user has that name', (name) => {
    const folder = temporaryFolder();
    const home = process.cwd();
    try {
      process.chdir(folder);
      expect([...readConfigFile(name).sections.keys()]).toContain('QUICKSTART');
      mkdirSync('configs', { recursive: true });
      writeFileSync(name, '[OWN]\nepochs = 1\n');
      expect([...readConfigFile(name).sections.keys()]).toEqual(['OWN']);
      expect(() => readConfigFile('quickstrat')).toThrow("quickstrat: no such file; did you mean 'quickstart'?");
      expect(() => readConfigFile('elsewhere/quickstart.cfg')).toThrow(/no such file/);
    } finally {
      process.chdir(home);
    }
  });
});
