/** `mpdnn plot`: the pictures of a run, or of several side by side. */

import { Command } from 'commander';
import { userPath } from '../disk/userPath.js';

export function plotCommand(): Command {
  return new Command('plot')
    .description('training curves and bitwidths as SVG and PNG; several runs are laid side by side')
    .argument('<run...>', 'run folders')
    .option('--out <dir>', 'folder for the plots (default: RUN/plots, for several runs plots)', userPath)
    .action(async (runs: string[], { out }: { out?: string }) => {
      const { plotRun, plotRuns } = await import('../report/index.js');
      const [only] = runs;
      const paths = only && runs.length === 1 ? await plotRun(only, out) : await plotRuns(runs, out ?? 'plots');
      process.stdout.write(paths.length ? `${paths.join('\n')}\n` : 'no epoch is finished yet: nothing to draw\n');
    });
}
