/**
 * TensorBoard's events as bytes: the few protocol buffers that a run needs, with the field numbers of
 * tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto and tensorboard/plugins/hparams/*.proto.
 */

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

type Fields = (message: BinaryWriter) => void;

/** Time of an event: updates since the run began, and seconds since 1970. */
export interface EventTime {
  readonly step: number;
  readonly seconds: number;
}

/** The first event of a file. */
export function versionEvent(seconds: number): Uint8Array {
  return event({ step: 0, seconds }, (message) => text(message, 3, 'brain.Event:2'));
}

/** A restart of the run at a step: TensorBoard discards this step and later ones of earlier files. */
export function restartEvent(time: EventTime): Uint8Array {
  const START = 1;
  return event(time, (message) => nested(message, 7, (log) => integer(log, 1, START)));
}

export type Summary = Fields;

/** An event with summaries. */
export function summaryEvent(time: EventTime, summaries: readonly Summary[]): Uint8Array {
  return event(time, (message) =>
    nested(message, 5, (summary) => {
      for (const value of summaries) nested(summary, 1, value);
    }),
  );
}

export function scalar(name: string, value: number): Summary {
  return (summary) => {
    text(summary, 1, name);
    summary.uint32(tag(2, WireType.Bit32)).float(value);
  };
}

/** A histogram with 30 equal bins over the range of the values. */
export function histogram(name: string, values: ArrayLike<number>): Summary {
  const parts = 30;
  let [min, max, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    [min, max] = [Math.min(min, value), Math.max(max, value)];
    sum += value;
    squares += value * value;
  }
  const width = (max - min) / parts || 1;
  const counts = new Array<number>(parts).fill(0);
  for (let i = 0; i < values.length; i++) counts[Math.min(parts - 1, Math.floor((values[i]! - min) / width))]!++;
  const limits = counts.map((_, index) =>
    index === parts - 1 ? Math.max(max, min + width) : min + width * (index + 1),
  );
  return (summary) => {
    text(summary, 1, name);
    nested(summary, 5, (histo) => {
      for (const [index, value] of [min, max, values.length, sum, squares].entries()) double(histo, index + 1, value);
      doubles(histo, 6, limits);
      doubles(histo, 7, counts);
    });
  };
}

/**
 * An image summary.
 *
 * @param png the bytes of a PNG file
 */
export function image(name: string, width: number, height: number, png: Uint8Array): Summary {
  const RGB = 3;
  return (summary) => {
    text(summary, 1, name);
    nested(summary, 4, (picture) => {
      for (const [index, value] of [height, width, RGB].entries()) integer(picture, index + 1, value);
      picture.uint32(tag(4, WireType.LengthDelimited)).bytes(png);
    });
  };
}

/** The settings of a run, for the table of hyperparameters. */
export function settingsSummary(settings: Readonly<Record<string, unknown>>, seconds: number): Summary {
  return hyperparameters('_hparams_/session_start_info', 3, (start) => {
    for (const [name, value] of Object.entries(settings)) {
      if (value === null) continue;
      nested(start, 1, (entry) => {
        text(entry, 1, name);
        nested(entry, 2, (field) => settingValue(field, value));
      });
    }
    double(start, 5, seconds);
  });
}

/** The end of a run, in the table of hyperparameters. */
export function endSummary(seconds: number): Summary {
  const SUCCESS = 1;
  return hyperparameters('_hparams_/session_end_info', 4, (end) => {
    integer(end, 1, SUCCESS);
    double(end, 2, seconds);
  });
}

function hyperparameters(name: string, field: number, info: Fields): Summary {
  const content = bytesOf((data) => nested(data, field, info));
  return (summary) => {
    text(summary, 1, name);
    nested(summary, 9, (metadata) =>
      nested(metadata, 1, (plugin) => {
        text(plugin, 1, 'hparams');
        plugin.uint32(tag(2, WireType.LengthDelimited)).bytes(content);
      }),
    );
  };
}

/** A google.protobuf.Value. */
function settingValue(field: BinaryWriter, value: unknown): void {
  if (typeof value === 'number') double(field, 2, value);
  else if (typeof value === 'boolean') field.uint32(tag(4, WireType.Varint)).bool(value);
  else text(field, 3, Array.isArray(value) ? value.join(',') : String(value));
}

function event({ step, seconds }: EventTime, content: Fields): Uint8Array {
  return bytesOf((message) => {
    double(message, 1, seconds);
    integer(message, 2, step);
    content(message);
  });
}

function bytesOf(fields: Fields): Uint8Array {
  const message = new BinaryWriter();
  fields(message);
  return message.finish();
}

function nested(message: BinaryWriter, field: number, fields: Fields): void {
  message.uint32(tag(field, WireType.LengthDelimited)).fork();
  fields(message);
  message.join();
}

function integer(message: BinaryWriter, field: number, value: number): void {
  message.uint32(tag(field, WireType.Varint)).int64(value);
}

function text(message: BinaryWriter, field: number, value: string): void {
  message.uint32(tag(field, WireType.LengthDelimited)).string(value);
}

function double(message: BinaryWriter, field: number, value: number): void {
  message.uint32(tag(field, WireType.Bit64)).double(value);
}

function doubles(message: BinaryWriter, field: number, values: readonly number[]): void {
  message.uint32(tag(field, WireType.LengthDelimited)).fork();
  for (const value of values) message.double(value);
  message.join();
}

function tag(field: number, type: WireType): number {
  return (field << 3) | type;
}
