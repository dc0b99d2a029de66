/** Calls of the program, for messages that tell what to run. */

/** The program as documents call it, and messages where nothing else is known. */
export const documentedName = 'npx mpdnn';

let calledName = documentedName;

/** Has messages call the program as it was called, which is what works on this machine. */
export function setProgramName(words: string): void {
  calledName = words;
}

/** The program as a shell finds it here, such as `npx mpdnn`. */
export function programName(): string {
  return calledName;
}

/** The call that would train an experiment. `options`: by key of the .cfg, as `Experiment.overrides` has them. */
export function trainCommandLine(
  experiment: string,
  configPath: string,
  options: Iterable<readonly [key: string, value: string]>,
  by = calledName,
): string {
  return `${by} ${commandWords(['train', experiment, '--cfg', configPath, ...optionWords(options)])}`;
}

/** The words of options on a command line. `options`: by key of the .cfg. */
export function optionWords(options: Iterable<readonly [key: string, value: string]>): string[] {
  const words: string[] = [];
  for (const [key, value] of options) {
    const option = key === 'weightfile' ? 'weights' : key.replaceAll('_', '-');
    words.push(`--${option}`, ...(key === 'resume' ? [] : [value]));
  }
  return words;
}

/** Words as a shell takes them. */
export function commandWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w./:@=,+%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
