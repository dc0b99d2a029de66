/** The JSON files of a run folder, config.json and summary.json, with schemas under the names in the files. */
import { z } from 'zod';
import { readText } from '../disk/readText.js';
import { InputError } from '../errors.js';
import { selections } from '../selection.js';
import type { RunSummary } from '../train/summary.js';
import { dataSchema } from './dataDescription.js';

/** A file and the hash of its bytes. */
const hashedFile = z.object({ file: z.string(), sha256: z.string() });

/** The description of a network in a config.json or in a file of parameters. */
const network = z.object({
  experiment: z.string(),
  /** Every .cfg key with its final value. */
  settings: z.record(z.string(), z.unknown()),
  /** The network definition, as returned by `network(…)`; `null` for a built-in model. */
  definition: z.unknown().default(null),
});

const teacherSchema = hashedFile.extend({
  /** `null` for the run's own network in float, if the file does not describe its network. */
  network: network.extend({ data: dataSchema }).nullable(),
});
export type TeacherRecord = z.output<typeof teacherSchema>;

export const configSchema = network.extend({
  cfg: z.string(),
  /** Versions of this program, Node and everything else on which the numbers depend. */
  versions: z.record(z.string(), z.string()),
  /** The engine and its machine, in words. */
  device: z.string(),
  seed: z.number(),
  /** The file of parameters that the run began with, and the hash of its bytes; `null` for none. */
  starting_weights: hashedFile.nullable().default(null),
  /** The parameters of the teacher, and its network. */
  teacher: teacherSchema.nullable().default(null),
  /** `null` in folders of older versions, whose data cannot be compared. */
  data: dataSchema.nullable().default(null),
});
export type RunConfig = z.output<typeof configSchema>;

export const summarySchema = z.object({
  best_val_err: z.number().nullable(),
  best_epoch: z.number().nullable(),
  last_val_err: z.number(),
  best_test_err: z.number().nullable().default(null),
  last_test_err: z.number().nullable().default(null),
  weights_kb: z.number(),
  activations_max_kb: z.number(),
  activations_sum_kb: z.number(),
  activations_peak_kb: z.number().nullable().default(null),
  gbops: z.number().nullable().default(null),
  cost: z.number().nullable().default(null),
  bits: z.record(z.string(), z.number()),
  images_per_second: z.number(),
  seconds: z.number(),
  epochs: z.number(),
  budget_held_epochs: z.number().nullable().default(null),
  device: z.string(),
  select: z.enum(selections),
}) satisfies z.ZodType<RunSummary>;

/** JSON that people can read: indented, with a line break at the end. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * Reads one of the documents.
 *
 * @throws InputError naming file and key if it is damaged
 */
export function readJson<T>(path: string, schema: z.ZodType<T>): T {
  const text = readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${path}: is damaged, it is no JSON (${(error as Error).message})`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const fault = /received undefined$/.test(issue.message) ? 'is missing' : issue.message;
  throw new InputError(`${path}: ${issue.path.join('.')}: ${fault}`);
}
