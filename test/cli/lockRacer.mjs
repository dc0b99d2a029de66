/**
 * A process that takes the lock of a folder again and again, and does in it what only one may do at a time; every so
 * often it dies as its owner. Prints how often it had the lock, or what went wrong.
 *
 * node lockRacer.mjs LOCK_MODULE ROOT ROUNDS DIES_AFTER
 */
import { mkdirSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [module, root, rounds, diesAfter] = process.argv.slice(2);
const { lockFolder } = await import(module);
let held = 0;
for (let round = 0; round < Number(rounds); round++) {
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
