/** Command lines of this program, for messages that tell what to run. */

/** The program's name in documents, and the default in messages. */
export const documentedName = 'npx mpdnn';

let calledName = documentedName;

/** Sets the program's name in messages to the words by which it was called, which work on this machine. */
export function setProgramName(words: string): void {
  calledName = words;
}

/** The program as a shell finds it here, such as `npx mpdnn`. */
export function programName(): string {
  return calledName;
}

/** The call that trains an experiment. `options`: values by .cfg key, as in `Experiment.overrides`. */
export function trainCommandLine(
  experiment: string,
  configPath: string,
  options: Iterable<readonly [key: string, value: string]>,
  by = calledName,
): string {
  return `${by} ${commandWords(['train', experiment, '--cfg', configPath, ...optionWords(options)])}`;
}

/** The option of a .cfg key: `--batch-size`; `weightfile` is --weights. */
export function optionOf(key: string): string {
  return `--${key === 'weightfile' ? 'weights' : key.replaceAll('_', '-')}`;
}

/** Options as words of a command line. `options`: values by .cfg key. */
export function optionWords(options: Iterable<readonly [key: string, value: string]>): string[] {
  const words: string[] = [];
  for (const [key, value] of options) {
    words.push(optionOf(key), ...(key === 'resume' ? [] : [value]));
  }
  return words;
}

/** Words quoted for a shell, with spaces between. */
export function commandWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\p{L}\p{N}_./:@=,+%-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
