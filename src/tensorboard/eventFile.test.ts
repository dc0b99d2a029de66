import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { epochReport, stepReport } from '../../test/trainingReports.js';
import type { QuantizerRow } from '../program/quantizerReport.js';
import { experimentFromSettings } from '../settings/index.js';
import { safetensorsFile } from '../weights/index.js';
import { eventFile } from './eventFile.js';

/** A reader of its own: nothing of it is in `src/`. Fields of a message by number, bytes or numbers. */
type Message = Map<number, (Uint8Array | number | bigint)[]>;

function messageOf(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const message: Message = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const skip = (length: number): number => {
    at += length;
    return at - length;
  };
  const fieldOf = (type: number): Uint8Array | number | bigint => {
    if (type === 0) return varint();
    if (type === 1) return view.getFloat64(skip(8), true);
    if (type === 5) return view.getFloat32(skip(4), true);
    expect(type).toBe(2);
    const length = Number(varint());
    const from = skip(length);
    return bytes.subarray(from, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    message.set(key >> 3, [...(message.get(key >> 3) ?? []), fieldOf(key & 7)]);
  }
  expect(at).toBe(bytes.length);
  return message;
}

/** CRC-32C bit by bit, from its definition. */
function castagnoli(bytes: Uint8Array): bigint {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  const value = crc ^ 0xffffffffn;
  return (((value >> 15n) | (value << 17n)) + 0xa282ead8n) & 0xffffffffn;
}

function eventsIn(path: string): Message[] {
  const bytes = readFileSync(path);
  const events: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(BigInt(bytes.readUInt32LE(at + 8))).toBe(castagnoli(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(BigInt(bytes.readUInt32LE(at + 12 + length))).toBe(castagnoli(data));
    events.push(messageOf(data));
    at += length + 16;
  }
  return events;
}

const text = (value: unknown) => new TextDecoder().decode(value as Uint8Array);
const within = (message: Message | undefined, field: number) => messageOf(message!.get(field)![0] as Uint8Array);
const doubles = (bytes: unknown) => Array.from(new Float64Array(Uint8Array.from(bytes as Uint8Array).buffer));

/** Summaries by their tags, with the step of each. */
function summariesIn(events: readonly Message[]): Map<string, { step: number; summary: Message }[]> {
  const found = new Map<string, { step: number; summary: Message }[]>();
  for (const event of events) {
    for (const value of event.has(5) ? within(event, 5).get(1)! : []) {
      const summary = messageOf(value as Uint8Array);
      const tag = text(summary.get(1)![0]);
      found.set(tag, [...(found.get(tag) ?? []), { step: Number(event.get(2)![0]), summary }]);
    }
  }
  return found;
}

const folder = temporaryFolder();
const experiment = experimentFromSettings('A', 'a.cfg', { model: 'tiny', epochs: 2, nesterov: true });
const values = [-1, 0, 0.5, 2];
const parameters = safetensorsFile(
  [
    { name: 'conv/W', shape: [4], data: Float32Array.from(values) },
    { name: 'conv/Wquant/d', shape: [], data: Float32Array.of(1) },
  ],
  {},
);
let files: string[];
let events: Message[];
let summaries: ReturnType<typeof summariesIn>;

beforeAll(() => {
  const first = eventFile(folder, experiment, () => []);
  first.begin({ epoch: 0, step: 0 });
  first.step(stepReport(3, 0.5, [4, 2]));
  first.epoch(epochReport(1, [4, 2]));
  first.parameters('best', parameters);
  first.parameters('last', parameters);
  const rows = [4, 2].map((bits) => ({ epoch: 1, bits }) as QuantizerRow);
  const second = eventFile(folder, experiment, () => rows);
  second.begin({ epoch: 1, step: 4 });
  second.step(stepReport(8, 1, [8, 2]));
  second.epoch(epochReport(2, [8, 1]));
  second.finish({} as Parameters<typeof second.finish>[0]);
  files = readdirSync(folder).sort((a, b) => Number(a.split('.').at(-1)) - Number(b.split('.').at(-1)));
  events = files.flatMap((name) => eventsIn(join(folder, name)));
  summaries = summariesIn(events);
});

describe('event files', () => {
  it('begin with their version; one that goes on says from which step', () => {
    expect(files.map((name) => /^events\.out\.tfevents\.\d{10}\.mpdnn\.[04]$/.test(name))).toEqual([true, true]);
    const versions = events.flatMap((event) => (event.has(3) ? [text(event.get(3)![0])] : []));
    expect(versions).toEqual(['brain.Event:2', 'brain.Event:2']);
    const restarts = events.filter((event) => event.has(7));
    expect(restarts.map((event) => [event.get(2)![0], within(event, 7).get(1)![0]])).toEqual([[5n, 1n]]);
    for (const event of events) expect(Number(event.get(1)![0])).toBeGreaterThan(1.6e9);
  });

  it('hold scalars of steps and epochs at their steps', () => {
    const of = (tag: string) => summaries.get(tag)?.map(({ step, summary }) => [step, summary.get(2)![0]]);
    expect(of('loss/training')).toEqual([
      [3, Math.fround(1 / 3)],
      [8, Math.fround(1 / 3)],
    ]);
    expect(of('error/evaluation')).toEqual([
      [3, 0.5],
      [8, 0.5],
    ]);
    expect(of('bits/layer0/W')).toEqual([
      [3, 4],
      [8, 8],
    ]);
    expect([...summaries.keys()]).toEqual(
      expect.arrayContaining(['learning rate', 'images a second', 'kB/weights', 'kB/activations', 'error/training']),
    );
  });

  it('hold histograms of what is trained', () => {
    expect(summaries.get('conv/W')).toHaveLength(1);
    expect(summaries.has('conv/Wquant/d')).toBe(false);
    const histo = within(summaries.get('conv/W')![0]!.summary, 5);
    expect([1, 2, 3, 4, 5].map((field) => histo.get(field)![0])).toEqual([-1, 2, 4, 1.5, 5.25]);
    const [limits, counts] = [6, 7].map((field) => doubles(histo.get(field)![0]));
    expect([limits!.length, counts!.length, limits!.at(-1)]).toEqual([30, 30, 2]);
    expect(counts!.flatMap((count, index) => (count ? [[count, index]] : []))).toEqual([
      [1, 0],
      [1, 10],
      [1, 15],
      [1, 29],
    ]);
  });

  it('hold the bits of all epochs as a picture, those before the start of a run that goes on too', async () => {
    const pictures = summaries.get('bits')!.map(({ summary }) => within(summary, 4));
    const sizes = pictures.map((picture) => [1, 2, 3].map((field) => Number(picture.get(field)![0])));
    expect(sizes).toEqual([
      [16, 640, 3],
      [16, 640, 3],
    ]);
    const { data, info } = await sharp(pictures[1]!.get(4)![0] as Uint8Array)
      .raw()
      .toBuffer({ resolveWithObject: true });
    const color = (x: number, y: number) =>
      data.subarray((y * info.width + x) * info.channels, (y * info.width + x) * info.channels + 3).toString('hex');
    // Four bits, then eight; two bits, then one.
    expect([color(0, 0), color(639, 7), color(319, 8), color(320, 15)]).toEqual([
      '7fcdbb',
      '0c2c84',
      'edf8b1',
      'ffffd9',
    ]);
  });

  it('hold the settings and the end for the table of hyperparameters', () => {
    const content = (tag: string) => {
      const [first] = summaries.get(tag) ?? [];
      const plugin = within(within(first!.summary, 9), 1);
      expect(text(plugin.get(1)![0])).toBe('hparams');
      return messageOf(plugin.get(2)![0] as Uint8Array);
    };
    const start = within(content('_hparams_/session_start_info'), 3);
    const settings = new Map(
      start.get(1)!.map((entry) => {
        const fields = messageOf(entry as Uint8Array);
        const value = within(fields, 2);
        return [text(fields.get(1)![0]), value.get(2)?.[0] ?? value.get(4)?.[0] ?? text(value.get(3)![0])] as const;
      }),
    );
    expect(settings.get('epochs')).toBe(2);
    expect(settings.get('nesterov')).toBe(1n);
    expect(settings.get('model')).toBe('tiny');
    expect(settings.has('weightfile')).toBe(false);
    expect(within(content('_hparams_/session_end_info'), 4).get(1)).toEqual([1n]);
  });
});
