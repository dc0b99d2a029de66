import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { InputError } from '../../errors.js';
import { loadCifar } from './cifar.js';
import { cifar10, cifar100 } from './cifarSets.js';

const root = temporaryFolder();
const options = { cacheDirectory: path.join(root, 'no-cache'), download: false };

type Files = Record<string, Uint8Array>;

/** Every file has two images; all byte values occur, and every pixel tells its file, image and place. */
const planarPixel = (file: number, image: number, position: number) => (file * 37 + image * 11 + position * 7) % 256;
const labelOf = (file: number, image: number) => (file + 5 * image) % 10;
const planarImages = (file: number) =>
  Uint8Array.from({ length: 2 * 3072 }, (_, index) => planarPixel(file, Math.floor(index / 3072), index % 3072));

const binaryFile = (file: number) => {
  const planar = planarImages(file);
  return Buffer.concat(
    [0, 1].flatMap((image) => [Uint8Array.of(labelOf(file, image)), planar.subarray(image * 3072, (image + 1) * 3072)]),
  );
};
/** A protocol-2 pickle as Python 2 wrote it for CIFAR-10: byte strings, an array by numpy's _reconstruct. */
const pythonFile = (file: number) => {
  const planar = planarImages(file);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(planar.length);
  const text = (ascii: string) => Buffer.from(ascii, 'latin1');
  return Buffer.concat([
    text('\x80\x02}q\x01(U\x04data'),
    text('cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R'),
    text(
      '(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb',
    ),
    text('\x89T'),
    length,
    planar,
    text(`tbU\x06labels](K${String.fromCharCode(labelOf(file, 0))}K${String.fromCharCode(labelOf(file, 1))}eu.`),
  ]);
};

const names = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'];
const binaryFiles = (): Files => Object.fromEntries(names.map((name, file) => [`${name}.bin`, binaryFile(file)]));
const pythonFiles = (): Files => Object.fromEntries(names.map((name, file) => [name, pythonFile(file)]));

async function writeFolder(name: string, files: Files): Promise<string> {
  const folder = path.join(root, name);
  await mkdir(folder, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) await writeFile(path.join(folder, file), bytes);
  return folder;
}

async function tarOf(folder: string, files: Files): Promise<Buffer> {
  const pack = tar.pack();
  pack.entry({ name: `${folder}/`, type: 'directory' });
  for (const [file, bytes] of Object.entries(files)) pack.entry({ name: `${folder}/${file}` }, Buffer.from(bytes));
  pack.entry({ name: `${folder}/readme.html` }, '<p>');
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function expectAll(location: string): Promise<void> {
  const { classes, train, test } = await loadCifar(cifar10, location, options);
  expect(classes).toHaveLength(10);
  expect([train.count, test.count, train.height, train.width, train.channels]).toEqual([10, 2, 32, 32, 3]);
  for (const [set, firstFile] of [
    [train, 0],
    [test, 5],
  ] as const) {
    const wrong = set.images.findIndex((byte, index) => {
      const image = Math.floor(index / 3072);
      const [pixel, channel] = [Math.floor((index % 3072) / 3), index % 3];
      return byte !== planarPixel(firstFile + Math.floor(image / 2), image % 2, channel * 1024 + pixel);
    });
    expect(wrong).toBe(-1);
    expect([...set.labels]).toEqual(
      Array.from(set.labels, (_, image) => labelOf(firstFile + Math.floor(image / 2), image % 2)),
    );
  }
}

describe('CIFAR-10 is found and read', () => {
  it.each([
    ['binary', 'cifar-10-batches-bin', binaryFiles],
    ['python', 'cifar-10-batches-py', pythonFiles],
  ] as const)('%s: folder, folder around it, .tar, .tar.gz, folder around the archive', async (form, inner, files) => {
    await expectAll(await writeFolder(`${form}-plain`, files()));
    await writeFolder(`${form}-outer/${inner}`, files());
    await expectAll(path.join(root, `${form}-outer`));
    const archive = await tarOf(inner, files());
    const archives = await writeFolder(`${form}-archives`, {
      'any-name.tar': archive,
      [`cifar-10-${form}.tar.gz`]: gzipSync(archive),
    });
    await expectAll(path.join(archives, 'any-name.tar'));
    await expectAll(path.join(archives, `cifar-10-${form}.tar.gz`));
    await expectAll(archives);
  });

  it("reads today's numpy pickles of every protocol", async () => {
    const script = `
import numpy, pickle, sys
for name, file in zip('${names.join(' ')}'.split(), range(6)):
    image, position = numpy.divmod(numpy.arange(2 * 3072), 3072)
    data = ((file * 37 + image * 11 + position * 7) % 256).astype(numpy.uint8).reshape(2, 3072)
    batch = {'data': data, 'labels': [file % 10, (file + 5) % 10]}
    pickle.dump(batch, open(sys.argv[1] + '/' + name, 'wb'), protocol=int(sys.argv[2]))`;
    for (const protocol of ['2', '4', '5']) {
      const folder = await writeFolder(`numpy-${protocol}`, {});
      execFileSync('python3', ['-c', script, folder, protocol], { stdio: 'pipe' });
      await expectAll(folder);
    }
  });
});

it('CIFAR-100 is read from both forms, by its fine labels', async () => {
  const planar = planarImages(0);
  const image = (index: number) => planar.subarray(3072 * index, 3072 * (index + 1));
  const labelled = (...labels: [number, number]) =>
    Buffer.concat(labels.flatMap((label, index) => [Uint8Array.of(3, label), image(index)]));
  const binary = await writeFolder('100/cifar-100-binary', {
    'train.bin': labelled(99, 0),
    'test.bin': labelled(7, 8),
    'fine_label_names.txt': Buffer.from('apple'),
  });
  const text = (ascii: string) => Buffer.from(ascii, 'latin1');
  const python = (...labels: [number, number]) => {
    const own = pythonFile(0);
    return Buffer.concat([
      own.subarray(0, own.lastIndexOf('U\x06labels')),
      text(`U\x0bfine_labels](${labels.map((label) => `K${String.fromCharCode(label)}`).join('')}e`),
      text('U\x0dcoarse_labels](K\x03K\x03eu.'),
    ]);
  };
  const pickled = await writeFolder('100-python', { train: python(99, 0), test: python(7, 8), meta: text('x') });
  for (const place of [path.dirname(binary), pickled]) {
    const { name, classes, train, test } = await loadCifar(cifar100, place, options);
    expect([name, classes.length, classes[99], classes[7]]).toEqual(['cifar100', 100, 'worm', 'beetle']);
    expect([...train.labels, ...test.labels]).toEqual([99, 0, 7, 8]);
    expect(train.images[3 * 5 + 1]).toBe(planarPixel(0, 0, 1024 + 5));
  }
  await expect(loadCifar(cifar100, root, options)).rejects.toThrow(
    'no CIFAR-100 here; wanted: cifar-100-binary.tar.gz',
  );
});

it('takes bytes for keys, and the arrays of protocol 5, without numpy', async () => {
  const text = (ascii: string) => Buffer.from(ascii, 'latin1');
  const word = (value: number, bytes: 4 | 8) => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeUInt32LE(value);
    return buffer;
  };
  const fifth = (file: number) =>
    Buffer.concat([
      text('\x80\x05}(C\x04data\x8c\x13numpy._core.numeric\x8c\x0b_frombuffer\x93(\x96'),
      word(2 * 3072, 8),
      planarImages(file),
      text('cnumpy\ndtype\n(\x8c\x02u1\x89\x88tRK\x02M\x00\x0c\x86\x8c\x01CtRC\x06labels]('),
      text(`K${String.fromCharCode(labelOf(file, 0))}K${String.fromCharCode(labelOf(file, 1))}eu.`),
    ]);
  await expectAll(await writeFolder('fifth', Object.fromEntries(names.map((name, file) => [name, fifth(file)]))));
});

describe('damage is named', () => {
  const expectFault = async (location: string, ...parts: string[]) => {
    const error = await loadCifar(cifar10, location, options).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InputError);
    for (const part of [location, ...parts]) expect((error as Error).message).toContain(part);
    expect((error as Error).message).not.toContain('\n');
  };

  it('nothing there', async () => {
    await expectFault(path.join(root, 'nowhere'), 'no CIFAR-10 here', 'cifar-10-binary.tar.gz');
    await expectFault(await writeFolder('empty', {}), 'no CIFAR-10 here');
  });

  it('a place that cannot be looked at', async () => {
    await symlink('loop', path.join(root, 'loop'));
    await expectFault(path.join(root, 'loop'), 'a link that leads back to itself');
    await expectFault(path.join(root, 'x'.repeat(300)), 'longer than names of files');
  });

  it('a file is missing', async () => {
    const { 'data_batch_3.bin': _, ...files } = binaryFiles();
    await expectFault(await writeFolder('missing', files), 'data_batch_3.bin is missing');
  });

  it('a binary file is truncated', async () => {
    const files = { ...binaryFiles(), 'test_batch.bin': binaryFile(5).subarray(0, 6000) };
    await expectFault(await writeFolder('truncated-bin', files), 'test_batch.bin is truncated', '6000 bytes');
  });

  it('a label is out of range', async () => {
    const files = { ...binaryFiles(), 'test_batch.bin': binaryFile(5).fill(10, 3073, 3074) };
    await expectFault(await writeFolder('label', files), 'test_batch.bin', 'image 1 has label 10');
  });

  it('a pickle is truncated', async () => {
    const files = { ...pythonFiles(), data_batch_2: pythonFile(1).subarray(0, 5000) };
    await expectFault(await writeFolder('truncated-py', files), 'data_batch_2 is truncated');
  });

  it('a pickle wants to run something', async () => {
    const files = { ...pythonFiles(), data_batch_1: Buffer.from("cposix\nsystem\n(S'true'\ntR.") };
    await expectFault(await writeFolder('evil', files), 'data_batch_1', 'posix.system, which is not allowed');
  });

  it('a pickle is no batch', async () => {
    const files = { ...pythonFiles(), data_batch_1: Buffer.from('\x80\x02}U\x06labels]s.', 'latin1') };
    await expectFault(await writeFolder('no-batch', files), 'data_batch_1', 'no CIFAR-10 batch');
  });

  it('an archive holds two files of one name', async () => {
    const files = binaryFiles();
    const twice = (second: Uint8Array) => tarOf('a', { ...files, 'old/data_batch_1.bin': second });
    const folder = await writeFolder('twice', {
      'equal.tar': await twice(binaryFile(0)),
      'different.tar': await twice(binaryFile(1)),
    });
    await expectAll(path.join(folder, 'equal.tar'));
    const both = 'a/data_batch_1.bin and a/old/data_batch_1.bin';
    await expectFault(path.join(folder, 'different.tar'), 'two different files of one name', both);
  });

  it('an archive is a .zip', async () => {
    const folder = await writeFolder('zip', { 'cifar.zip': Buffer.from('PK\x03\x04 and so on') });
    await expectFault(path.join(folder, 'cifar.zip'), '.zip archive is not read; unpack it');
  });

  it('an archive is truncated', async () => {
    const archive = await tarOf('cifar-10-batches-bin', binaryFiles());
    const folder = await writeFolder('truncated-archives', {
      'half.tar.gz': gzipSync(archive).subarray(0, -20),
      'half.tar': archive.subarray(0, 9000),
      'noise.tar': Buffer.alloc(2048, 'x'),
    });
    for (const name of ['half.tar.gz', 'half.tar', 'noise.tar']) {
      await expectFault(path.join(folder, name), 'truncated or corrupt archive');
    }
  });
});
