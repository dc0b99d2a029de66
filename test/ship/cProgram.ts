/** C programs for tests: written to a folder, compiled, run. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Flags that the generated Makefile gives to compilers, too. */
export const warnings = ['-std=c99', '-Wall', '-Wextra', '-Wconversion', '-pedantic', '-Werror'];

/** A new folder with these files. */
export function folderOf(files: ReadonlyMap<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'c-'));
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return folder;
}

/** Runs a command in the folder; its standard output. Fails with what it said if it fails. */
export function run(folder: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = runQuietly(folder, command, ...args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stderr}${stdout.slice(-2000)}`);
  return stdout;
}

/** Runs a command in the folder for two minutes at most, whatever comes of it. */
export function runQuietly(folder: string, command: string, ...args: string[]) {
  const options = { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 120_000 } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Symbols of an object file other than constants, with sizes: all of its static memory. */
export function variables(folder: string, object: string): string[] {
  const lines = execFileSync('nm', [object], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  return lines.flatMap((line) => / [bBdD] (\S+)$/.exec(line)?.[1] ?? []).sort();
}

/** Bytes of each symbol of an object file. */
export function symbolBytes(folder: string, object: string): ReadonlyMap<string, number> {
  const lines = execFileSync('nm', ['-S', object], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  return new Map(
    lines.flatMap((line) => {
      const [, size, , name] = line.split(/\s+/);
      return name ? [[name, Number.parseInt(size!, 16)] as const] : [];
    }),
  );
}

/** The functions of others that an object file calls. */
export function undefinedSymbols(folder: string, object: string): string[] {
  const lines = execFileSync('nm', ['-u', object], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/).at(-1)!).filter((name) => name !== '');
}
