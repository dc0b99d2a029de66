/**
 * Slurm with this machine as its only node, started by a test and ended by it. A machine without it fails these tests,
 * unless MPDNN_SKIP_SLURM=1 says that they may be left out.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../temporaryFolder.js';

export const skipsSlurm = process.env.MPDNN_SKIP_SLURM === '1';

const controller = '/usr/sbin/slurmctld';

export interface OneNodeSlurm {
  /** Environment for its programs and their callers. */
  readonly env: Readonly<Record<string, string>>;
  /** Resolves when the queue is empty. */
  drained(): Promise<void>;
  /** Output of its daemons so far. */
  logs(): string;
  stop(): Promise<void>;
}

/** Starts it, which takes a second, and waits until the node takes jobs. Needs to be root. */
export async function startSlurm(): Promise<OneNodeSlurm> {
  if (!existsSync(controller)) {
    throw new Error(`there is no ${controller}: install Debian's slurm-wlm, or set MPDNN_SKIP_SLURM=1`);
  }
  const folder = temporaryFolder();
  const conf = join(folder, 'slurm.conf');
  for (const name of ['state', 'spool']) mkdirSync(join(folder, name));
  writeFileSync(conf, configuration(folder, await freePort(), await freePort()));
  const env = { SLURM_CONF: conf };
  const call = (program: string, ...args: string[]): string =>
    execFileSync(program, args, {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const daemons = [controller, '/usr/sbin/slurmd'].map((program) =>
    spawn(program, ['-D'], { env: { ...process.env, ...env }, stdio: 'ignore' }),
  );
  const kill = (): void => {
    for (const daemon of daemons) daemon.kill('SIGKILL');
  };
  process.once('exit', kill);
  const logs = (): string => ['slurmctld.log', 'slurmd.log'].map((name) => logText(join(folder, name))).join('\n');
  const isIdle = (): boolean => {
    if (daemons.some(({ exitCode }) => exitCode !== null)) throw new Error(`Slurm has ended:\n${logs()}`);
    try {
      return call('sinfo', '--noheader', '--format=%T').trim() === 'idle';
    } catch {
      return false;
    }
  };
  while (!isIdle()) await sleep(100);
  return {
    env,
    logs,
    drained: async () => {
      while (call('squeue', '--noheader').trim() !== '') await sleep(100);
    },
    stop: async () => {
      await Promise.all(daemons.map(ended));
      process.off('exit', kill);
    },
  };
}

async function ended(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null) return;
  const end = new Promise((done) => daemon.once('exit', done));
  daemon.kill('SIGTERM');
  await end;
}

/**
 * No accounting, no other service: who calls is believed, as is right where the node is the only one. A job that is queued
 * again is held back until what allowed its last start has expired, two minutes where nothing else is said; 5 is the least.
 */
function configuration(folder: string, controllerPort: number, nodePort: number): string {
  const host = hostname().split('.')[0];
  return `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmdSpoolDir=${folder}/spool
StateSaveLocation=${folder}/state
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
SlurmctldPort=${controllerPort}
SlurmdPort=${nodePort}
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=${host} Default=YES MaxTime=INFINITE State=UP
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

function logText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
