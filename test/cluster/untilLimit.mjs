/**
 * Loaded before the program, which in the first start of its job trains no further than its second checkpoint until the
 * scheduler has sent TERM: a run that is longer than its time limit, however fast the machine is.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { renameSync } = fs;
const { setImmediate } = globalThis;
let left = Number(process.env.SLURM_RESTART_COUNT ?? 0) ? Number.POSITIVE_INFINITY : 2;
fs.renameSync = (from, to) => {
  renameSync(from, to);
  if (!String(to).includes('checkpoint.safetensors') || --left > 0) return;
  left = Number.POSITIVE_INFINITY;
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
