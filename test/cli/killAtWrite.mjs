/** Loaded before the program, which then dies in the middle of a durable write: `killedAtWrite` says how. */
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
