/** The call that would train an experiment, for messages that tell what to run. */

/** `options`: by key of the .cfg, as `Experiment.overrides` has them. */
export function trainCommandLine(
  experiment: string,
  configPath: string,
  options: Iterable<readonly [key: string, value: string]>,
): string {
  const words = ['mpdnn', 'train', experiment, '--cfg', configPath];
  for (const [key, value] of options) {
    const option = key === 'weightfile' ? 'weights' : key.replaceAll('_', '-');
    words.push(`--${option}`, ...(key === 'resume' ? [] : [value]));
  }
  return commandWords(words);
}

/** Words as a shell takes them. */
export function commandWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w./:@=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
