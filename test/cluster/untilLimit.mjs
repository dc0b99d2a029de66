/**
 * Loaded before the program, which once trains no further than its second checkpoint until the scheduler has sent TERM: a run
 * that is longer than its time limit, however fast the machine is. UNTIL_LIMIT: a file that says that it has come so far.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { renameSync } = fs;
const { setImmediate } = globalThis;
const mark = process.env.UNTIL_LIMIT;
let left = fs.existsSync(mark) ? Number.POSITIVE_INFINITY : 2;
fs.renameSync = (from, to) => {
  renameSync(from, to);
  if (!String(to).includes('checkpoint.safetensors') || --left > 0) return;
  left = Number.POSITIVE_INFINITY;
  fs.writeFileSync(mark, '');
  const turns = [];
  // Node ends when it has nothing to wait for, and a signal is nothing.
  const awake = setInterval(() => {}, 1000);
  globalThis.setImmediate = (...turn) => turns.push(turn);
  process.once('SIGTERM', () => {
    clearInterval(awake);
    globalThis.setImmediate = setImmediate;
    for (const turn of turns) setImmediate(...turn);
  });
};
syncBuiltinESMExports();
