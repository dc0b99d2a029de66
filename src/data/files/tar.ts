/**
 * Reader of tar archives (POSIX ustar with pax headers, and GNU's long names) from bytes in memory. It cannot stall
 * like a stream, and writes nothing, so that no path can lead outside of the archive.
 */

export interface TarFile {
  /** Path in the archive, as written. */
  readonly name: string;
  /** A view of the archive's bytes. */
  readonly bytes: Uint8Array;
}

const BLOCK = 512;

/**
 * The plain files of an archive, in its order.
 *
 * @throws Error with a reason if it is damaged or no archive
 */
export function* tarFiles(archive: Uint8Array): Generator<TarFile> {
  let longName: string | undefined;
  let longSize: number | undefined;
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    checkHeader(header, at);
    const type = String.fromCharCode(header[156]!);
    const isPlain = type === '0' || type === '\0' || type === '7';
    const size = (isPlain ? longSize : undefined) ?? number(header.subarray(124, 136));
    const name = longName ?? nameOf(header);
    const start = at + BLOCK;
    if (!(size >= 0 && start + size <= archive.length)) throw new Error(`it ends within ${name}`);
    const bytes = archive.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (type === 'x') {
      const records = paxRecords(bytes);
      longName = records.get('path') ?? longName;
      longSize = records.has('size') ? Number(records.get('size')) : undefined;
    } else if (type === 'L') {
      longName = text(bytes);
    } else if (type !== 'g' && type !== 'K') {
      if (isPlain) yield { name, bytes };
      longName = undefined;
      longSize = undefined;
    }
  }
  if (archive.length % BLOCK !== 0 || archive.length === 0) throw new Error('it ends within a header');
}

/** Checks the sum of a header's bytes, in which the checksum itself counts as spaces. */
function checkHeader(header: Uint8Array, at: number): void {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  if (number(header.subarray(148, 156)) !== sum) throw new Error(`no header of a file at byte ${at}`);
}

function nameOf(header: Uint8Array): string {
  const [name, prefix] = [text(header.subarray(0, 100)), text(header.subarray(345, 500))];
  const isPosix = text(header.subarray(257, 263)) === 'ustar';
  return isPosix && prefix ? `${prefix}/${name}` : name;
}

/** A number in octal digits, or in GNU's binary form for sizes above 8 GiB; NaN for anything else. */
function number(field: Uint8Array): number {
  if (field[0] === 0x80) return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
  const digits = text(field).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Records `LENGTH KEY=VALUE\n`, whose length in bytes includes all of it. */
function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(text(bytes.subarray(at, Math.max(at, space))));
    const end = at + length;
    if (space < 0 || !(end > space && end <= bytes.length)) throw new Error('a damaged pax header');
    const [, key, value] = /^([^=]*)=(.*)\n$/s.exec(text(bytes.subarray(space + 1, end))) ?? [];
    if (key === undefined) throw new Error('a damaged pax header');
    records.set(key, value!);
    at = end;
  }
  return records;
}
