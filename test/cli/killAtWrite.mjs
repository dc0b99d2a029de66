/**
 * Loaded before the program, which then dies by SIGKILL in the middle of a durable write: KILL_AT_WRITE is `NAME COUNT`,
 * and the COUNT-th file whose path contains NAME is written aside, but not yet renamed.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [name, count] = process.env.KILL_AT_WRITE.split(' ');
const { renameSync } = fs;
let written = 0;
fs.renameSync = (from, to) => {
  if (String(to).includes(name) && ++written === Number(count)) process.kill(process.pid, 'SIGKILL');
  return renameSync(from, to);
};
syncBuiltinESMExports();
