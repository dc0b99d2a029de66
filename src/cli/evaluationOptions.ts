/** What commands share that open a trained run, apart from other options: it loads what reads runs. */

import type { Command } from 'commander';
import { unfinishedRemark } from '../runs/evaluationData.js';
import { deviceWords, matmulPrecisionWords } from './options.js';

/** The command, which first tells on stderr if the training of the run, its first argument, has not ended. */
export function tellingUnfinished(command: Command): Command {
  return command.hook('preAction', ({ args: [root = ''] }) => {
    const remark = unfinishedRemark(root);
    if (remark !== '') process.stderr.write(`${remark}\n`);
  });
}

/** Adds the options of a command that evaluates a trained run. */
export function addEvaluationOptions(command: Command): Command {
  return tellingUnfinished(command)
    .option('--device <name>', `${deviceWords} instead of the run's own`)
    .option('--threads <n>', 'threads of the CPU engine')
    .option('--matmul-precision <name>', `${matmulPrecisionWords} instead of the run's`)
    .option('--last', 'the last parameters instead of the best');
}
