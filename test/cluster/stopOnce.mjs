/**
 * Loaded before the program, which then sends itself a signal in the middle of a durable write, in the first start of its
 * job only. STOP_ONCE: `SIGTERM RUN/checkpoint.safetensors 2`, the second write of a path that contains this, `;` between
 * several.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { renameSync } = fs;
const stops = process.env.STOP_ONCE.split(';').map((stop) => {
  const [signal, path, count] = stop.split(' ');
  return { signal, path, left: Number(count) };
});
if (!Number(process.env.SLURM_RESTART_COUNT ?? 0)) {
  fs.renameSync = (from, to) => {
    for (const stop of stops) {
      if (String(to).includes(stop.path) && --stop.left === 0) process.kill(process.pid, stop.signal);
    }
    return renameSync(from, to);
  };
  syncBuiltinESMExports();
}
