/**
 * A process that takes the lock of a folder until it has had it so many times, and does in it what only one may do at a
 * time; some die as its owner. Prints how often it had the lock, or what went wrong.
 *
 * node lockRacer.mjs LOCK_MODULE ROOT TIMES DIES_AFTER
 */
import { mkdirSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [module, root, times, diesAfter] = process.argv.slice(2);
const { lockFolder } = await import(module);
let held = 0;
while (held < Number(times)) {
  try {
    const lock = await lockFolder(root, { does: 'races', onLine: () => {} });
    held++;
    // Fails where another is inside.
    mkdirSync(`${root}.inside`);
    await sleep(1);
    rmdirSync(`${root}.inside`);
    if (held === Number(diesAfter)) process.kill(process.pid, 'SIGKILL');
    lock.check();
    lock.release();
  } catch (error) {
    if (!/races in it/.test(error.message)) throw error;
  }
  await sleep(Math.random() * 3);
}
process.stdout.write(String(held));
