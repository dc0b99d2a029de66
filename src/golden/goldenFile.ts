/** Reader of golden files: JSON with a schema version and the form that its check expects. */

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';

/**
 * The content of a golden file.
 *
 * @param schema the value of its `schema` field, name and version
 * @throws {InputError} naming file and place if it is no JSON, of another version or of another form.
 */
export function readGolden<T>(path: string, schema: string, form: z.ZodType<T>): T {
  const file = basename(path);
  const content = parse(path);
  const version = z.object({ schema: z.string() }).safeParse(content);
  if (!version.success) throw new InputError(`${file}: no schema field, must be ${schema}`);
  if (version.data.schema !== schema) {
    throw new InputError(`${file}: schema ${version.data.schema} is not known, must be ${schema}`);
  }
  const parsed = form.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new InputError(`${file}: ${issue.path.join('.')}: ${issue.message}`);
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InputError(`${basename(path)}: ${error instanceof Error ? error.message : error}, must be JSON`);
  }
}
