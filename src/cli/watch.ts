/** `mpdnn watch`: shows runs on a page, while they train and afterwards, or writes the page to one file. */

import { dirname, join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { makeFolder, writeDurably } from '../disk/durableFile.js';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { endingSignals } from './endingSignals.js';

/** The default folder of runs; a run may not have begun there yet. */
const USUAL_FOLDER = 'experiments';

export function watchCommand(): Command {
  return new Command('watch')
    .description('serve a page that shows runs while they train and afterwards; prints its address, with a token')
    .argument('[folder...]', `run folders, or folders of run folders (default: ${USUAL_FOLDER})`)
    .option('--port <n>', 'port to listen on (default: any free port)', portNumber)
    .option('--static', 'write the page of these runs as one file instead of serving it')
    .option('--out <file>', 'file for --static (default: live.html in the run folder)', userPath)
    .action(async (given: string[], options: { port?: number; static?: true; out?: string }) => {
      const folders = given.map(userPath);
      if (options.static) await writePage(folders, options.out);
      else if (options.out !== undefined)
        throw new InputError(`--out ${options.out}: is of --static, the page in one file`);
      else await serve(folders, options.port);
    });
}

/** The port of `--port`. */
function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('give a number from 0 to 65535');
  return port;
}

async function writePage(folders: readonly string[], out: string | undefined): Promise<void> {
  const { staticPage } = await import('../watch/staticPage.js');
  const [first, ...others] = folders;
  if (first === undefined) throw new InputError('watch --static: which runs? name their folders');
  if (out === undefined && others.length > 0)
    throw new InputError('watch --static: of several runs; name the file with --out');
  const path = out ?? join(first, 'live.html');
  const page = staticPage(folders);
  makeFolder(dirname(path));
  writeDurably(path, page);
  process.stdout.write(`${path}\n`);
}

async function serve(folders: readonly string[], port: number | undefined): Promise<void> {
  const { serveRuns } = await import('../watch/server.js');
  const { checkFolders } = await import('../watch/watchedRuns.js');
  checkFolders(folders);
  const server = await serveRuns(folders.length > 0 ? folders : [USUAL_FOLDER], {
    port,
    token: process.env.MPDNN_TOKEN,
  });
  process.stdout.write(`${server.url}\n`);
  process.stderr.write('Ctrl-C ends it\n');
  await new Promise<void>((ended) => {
    for (const signal of endingSignals) process.once(signal, () => ended());
  });
  await server.close();
}
