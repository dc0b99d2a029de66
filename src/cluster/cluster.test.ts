/** The texts that are sent to a cluster, without any. */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { mpdnn, succeeds } from '../../test/cli/runMpdnn.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { lockFolder } from '../runs/lock.js';
import { type PlannedRun, planRuns } from '../runs/plan/planRuns.js';
import { parseConfig } from '../settings/index.js';
import {
  keepRecord,
  kubernetesManifest,
  parseKubernetesOptions,
  parseSlurmOptions,
  planBatches,
  runStatuses,
  type Submission,
  sendingScript,
  slurmJobs,
} from './index.js';

const config = `[DEFAULT]
model = tiny
data = synthetic:96
batch_size = 16
epochs = 2
device = cpu
[FLOAT]
epochs = 1
[Q0]
weightfile = FLOAT/params_best.safetensors
w_quantize = parametric_fp_d_xmax
[Q1]
weightfile = FLOAT/params_best.safetensors
w_quantize = parametric_fp_d_xmax
[TUNED]
weightfile = Q1/params_best.safetensors
w_quantize = parametric_fp_d_xmax
`;
const folder = temporaryFolder();
const file = parseConfig(config, 'sweep.cfg');

function planOf(out: string, seeds: readonly number[] | null = null): PlannedRun[] {
  const sections = ['Q0', 'TUNED'].map((section) => ({ file, section }));
  return planRuns(sections, { seeds, out, settings: {}, budgetSettings: {} });
}

function submissionOf(plan: readonly PlannedRun[], more: Partial<Submission> = {}): Submission {
  const { batches } = planBatches(plan, () => false);
  const call = ['submit', 'Q0', 'TUNED', '--cfg', 'sweep.cfg'];
  const how = { last: null, failFast: false, atOnce: null, ranks: 1, gpus: null };
  return { out: 'exp', batches, queued: [], call, ...how, ...more };
}

const neverQueued = () => undefined;

/** Writes programs of the shell into a folder; returns a path on which they come first. */
function pathTo(programs: Readonly<Record<string, string>>, place: string): string {
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(place, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return `${place}:${process.env.PATH}`;
}

const batchNames = ({ batches }: Pick<Submission, 'batches'>): unknown[] =>
  batches.map(({ runs, after }) => [after.map(({ path }) => path).join(' ') || null, ...runs.map(({ path }) => path)]);

beforeAll(async () => {
  writeFileSync(join(folder, 'sweep.cfg'), config);
  await succeeds(['train', 'FLOAT', '--cfg', 'sweep.cfg', '--out', 'half', '--no-plots'], folder);
});

describe('batches', () => {
  it('hold runs that may start together, behind what they start from', () => {
    expect(batchNames(submissionOf(planOf('nowhere', [0, 1])))).toEqual([
      [null, 'seed-0/FLOAT', 'seed-1/FLOAT'],
      ['seed-0/FLOAT', 'seed-0/Q0', 'seed-0/Q1'],
      ['seed-0/Q1', 'seed-0/TUNED'],
      ['seed-1/FLOAT', 'seed-1/Q0', 'seed-1/Q1'],
      ['seed-1/Q1', 'seed-1/TUNED'],
    ]);
  });

  it('wait for a teacher, too', () => {
    const taught = parseConfig(
      '[FLOAT]\n[LARGE]\nmodel = resnet56\n[PUPIL]\nweightfile = FLOAT/params_best.h5\ndistill = LARGE/params_best.h5\n',
      't.cfg',
    );
    const options = { seeds: null, out: 'nowhere', settings: {}, budgetSettings: {} };
    const submission = submissionOf(planRuns([{ file: taught, section: 'PUPIL' }], options));
    expect(batchNames(submission)).toEqual([
      [null, 'FLOAT', 'LARGE'],
      ['FLOAT LARGE', 'PUPIL'],
    ]);
    // Both are of one array.
    const text = sendingScript('exp', slurmJobs(submission, new Map(), ['mpdnn']), neverQueued);
    expect(text).toMatch(/--dependency=afterok:\$\{job1\}_0:\$\{job1\}_1 /);
    const manifest = kubernetesManifest(submission, parseKubernetesOptions('image=me/mpdnn:1 claim=work'));
    expect(manifest).toMatch(/^# {3}ended \S+-1 && kubectl patch /m);
  });

  it('leave out what is finished, in the queue, or starts from what has failed', () => {
    const plan = planOf(join(folder, 'half'));
    const queued = planBatches(plan, ({ path }) => path === 'Q1');
    expect(batchNames(queued)).toEqual([
      [null, 'Q0'],
      ['Q1', 'TUNED'],
    ]);
    expect(queued.leftOut.map(({ run, reason }) => [run.path, reason])).toEqual([
      ['FLOAT', 'finished before'],
      ['Q1', 'in the queue'],
    ]);
  });

  it('are no larger than Slurm takes', () => {
    const seeds = Array.from({ length: 1001 }, (_, seed) => seed);
    const sections = [{ file, section: 'FLOAT' }];
    const plan = planRuns(sections, { seeds, out: 'nowhere', settings: {}, budgetSettings: {} });
    expect(planBatches(plan, () => false).batches.map(({ runs }) => runs.length)).toEqual([1000, 1]);
  });

  it('cannot be made of sections that start from each other in a circle', () => {
    const circle = parseConfig('[A]\nweightfile = B/params_best.h5\n[B]\nweightfile = A/params_best.h5\n', 'c.cfg');
    const options = { seeds: null, out: 'nowhere', settings: {}, budgetSettings: {} };
    expect(() => planRuns([{ file: circle, section: 'A' }], options)).toThrow(
      'c.cfg: [A] starts or learns from its own result, by way of A, B;',
    );
  });
});

describe('scripts for Slurm', () => {
  it('send an array a batch, which waits for the run that it starts from', () => {
    const options = parseSlurmOptions('time=4:00:00 --gres=gpu:1 exclusive');
    const jobs = slurmJobs(submissionOf(planOf('nowhere'), { atOnce: 4 }), options, ['node', 'main.js']);
    expect(jobs).toHaveLength(3);
    expect(sendingScript('exp', jobs.slice(0, 2), neverQueued).replaceAll(/mpdnn-\w+/g, 'NAME')).toMatchInlineSnapshot(`
      "mkdir -p exp/jobs

      job1=$(sbatch --parsable <<'END'
      #!/bin/bash
      #SBATCH --job-name=NAME
      #SBATCH --array=0-0%4
      #SBATCH --output=exp/jobs/slurm-%A.out
      #SBATCH --open-mode=append
      #SBATCH --cpus-per-task=1
      #SBATCH --requeue
      #SBATCH --signal=TERM@120
      #SBATCH --time=4:00:00
      #SBATCH --gres=gpu:1
      #SBATCH --exclusive
      runs=(FLOAT)
      run=\${runs[$SLURM_ARRAY_TASK_ID]}
      log=exp/jobs/"$run".log
      srun --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" node main.js submit Q0 TUNED --cfg sweep.cfg --run "$run" >>"$log" 2>&1
      code=$?
      # 130: stopped, with a checkpoint if it was training. 137: killed; it goes on from its last checkpoint.
      # 129, 138, 140, 143: ended by HUP, USR1, USR2, TERM, which came before the program had begun and could stop by itself.
      case $code in 129|130|138|140|143) restarts=60 ;; 137) restarts=3 ;; *) restarts=0 ;; esac
      job=\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
      if [ "\${SLURM_RESTART_COUNT:-0}" -lt $restarts ] && scontrol requeue "$job"; then sleep 300; fi
      exit $code
      END
      )

      job2=$(sbatch --parsable --dependency=afterok:\${job1}_0 --kill-on-invalid-dep=yes <<'END'
      #!/bin/bash
      #SBATCH --job-name=NAME
      #SBATCH --array=0-1%4
      #SBATCH --output=exp/jobs/slurm-%A.out
      #SBATCH --open-mode=append
      #SBATCH --cpus-per-task=1
      #SBATCH --requeue
      #SBATCH --signal=TERM@120
      #SBATCH --time=4:00:00
      #SBATCH --gres=gpu:1
      #SBATCH --exclusive
      runs=(Q0 Q1)
      run=\${runs[$SLURM_ARRAY_TASK_ID]}
      log=exp/jobs/"$run".log
      srun --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" node main.js submit Q0 TUNED --cfg sweep.cfg --run "$run" >>"$log" 2>&1
      code=$?
      # 130: stopped, with a checkpoint if it was training. 137: killed; it goes on from its last checkpoint.
      # 129, 138, 140, 143: ended by HUP, USR1, USR2, TERM, which came before the program had begun and could stop by itself.
      case $code in 129|130|138|140|143) restarts=60 ;; 137) restarts=3 ;; *) restarts=0 ;; esac
      job=\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
      if [ "\${SLURM_RESTART_COUNT:-0}" -lt $restarts ] && scontrol requeue "$job"; then sleep 300; fi
      exit $code
      END
      )
      "
    `);
  });

  it('wait for jobs that are in the queue, and for the end of all before the last one', () => {
    const plan = planOf(join(folder, 'half'));
    const queued = plan.filter(({ path }) => path === 'Q1');
    const { batches } = planBatches(plan, (run) => queued.includes(run));
    const last = { name: 'table', call: ['reproduce', 'table'] };
    const submission = submissionOf(plan, { batches, queued, last, failFast: true });
    const text = sendingScript('exp', slurmJobs(submission, new Map(), ['mpdnn']), ({ path }) =>
      path === 'Q1' ? '7_2' : undefined,
    );
    expect(text.match(/sbatch .*(?= <<)/g)).toEqual([
      'sbatch --parsable',
      'sbatch --parsable --dependency=afterok:7_2 --kill-on-invalid-dep=yes',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's.
      'sbatch --parsable --dependency=afterany:7:${job1}:${job2}',
    ]);
    expect(text).toContain('log=exp/jobs/table.log');
    expect(text.match(/scancel --me/g)).toHaveLength(3);
  });

  it.each([
    [{}, 'srun'],
    [{ ranks: 2 }, 'mpirun'],
  ])('queue a job again that a signal has ended before its program had begun: %j', (how, starter) => {
    const [{ script } = { script: '' }] = slurmJobs(submissionOf(planOf('nowhere'), how), new Map(), ['mpdnn']);
    for (const signal of ['HUP', 'TERM', 'USR1', 'USR2']) {
      const place = temporaryFolder();
      mkdirSync(join(place, 'exp/jobs'), { recursive: true });
      const programs = { [starter]: `kill -${signal} $$`, scontrol: 'echo "$*" > queued', sleep: '' };
      const env = { PATH: pathTo(programs, place), SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: '0' };
      const { status } = spawnSync('bash', ['-c', script], { cwd: place, env });
      expect(status).toBe(128 + constants.signals[`SIG${signal}` as NodeJS.Signals]);
      expect(readFileSync(join(place, 'queued'), 'utf8')).toBe('requeue 7_0\n');
    }
  });

  it('start the ranks of a run by mpirun, to which they pass signals on', () => {
    const submission = submissionOf(planOf('nowhere'), { ranks: 4, last: { name: 'report', call: ['report'] } });
    const jobs = slurmJobs(submission, new Map(), ['mpdnn']);
    const [first = '', , , last] = jobs.map(({ script }) => script);
    expect(first).toMatch(/^#SBATCH --signal=B:TERM@120$/m);
    expect(first).toMatch(/^#SBATCH --ntasks=4$/m);
    expect(first.slice(first.indexOf('log='), first.indexOf('# 130'))).toMatchInlineSnapshot(`
      "log=exp/jobs/"$run".log
      mpirun --bind-to none -n 4 mpdnn submit Q0 TUNED --cfg sweep.cfg --run "$run" >>"$log" 2>&1 &
      ranks=$!
      trap 'kill -USR2 $ranks 2>/dev/null' INT TERM HUP USR1 USR2
      while kill -0 $ranks 2>/dev/null; do wait $ranks; done
      wait $ranks
      code=$?
      trap - INT TERM HUP USR1 USR2
      "
    `);
    expect(last).not.toMatch(/SBATCH --ntasks|B:TERM|mpirun/);
  });

  it.each([
    ['array=0-3', 'the jobs set array, dependency'],
    ['ntasks=2', 'the jobs set array, dependency, job-name, kill-on-invalid-dep, ntasks'],
    ['-t 5', 'is no option of sbatch; give long ones'],
  ])('refuse the option %s', (text, message) => expect(() => parseSlurmOptions(text)).toThrow(message));
});

describe('manifests for Kubernetes', () => {
  it('are an indexed Job a batch, suspended where it waits', () => {
    const options = parseKubernetesOptions('image=me/mpdnn:1 claim=work memory=8Gi');
    const text = kubernetesManifest(submissionOf(planOf('nowhere')), options).replaceAll(/mpdnn-[0-9a-f]+/g, 'NAME');
    const [first, second, third] = text.split('---\n');
    expect(first).toMatchInlineSnapshot(`
      "# What waits for others is suspended; behind \`kubectl apply\` it goes on with:
      #   ended() { until kubectl get job/$1 -o jsonpath='{.status.conditions[*].type}' | grep -qwE 'Complete|Failed'; do sleep 10; done; }
      #   ended NAME-1 && kubectl patch job/NAME-2 --patch '{"spec":{"suspend":false}}'
      #   ended NAME-2 && kubectl patch job/NAME-3 --patch '{"spec":{"suspend":false}}'
      apiVersion: batch/v1
      kind: Job
      metadata:
        name: NAME-1
      spec:
        completionMode: Indexed
        completions: 1
        parallelism: 1
        suspend: false
        backoffLimitPerIndex: 0
        podFailurePolicy:
          rules:
            - action: Ignore
              onExitCodes: { operator: In, values: [130] }
            - action: Ignore
              onPodConditions: [{ type: DisruptionTarget }]
        template:
          spec:
            restartPolicy: Never
            terminationGracePeriodSeconds: 120
            containers:
              - name: mpdnn
                image: "me/mpdnn:1"
                workingDir: /work
                command: ["/bin/bash", "-c"]
                args:
                  - |
                    runs=(FLOAT)
                    run=\${runs[$JOB_COMPLETION_INDEX]}
                    log=exp/jobs/$run.log
                    mkdir -p "$(dirname "$log")"
                    exec mpdnn submit Q0 TUNED --cfg sweep.cfg --run "$run" >>"$log" 2>&1
                resources:
                  requests: { cpu: "1", memory: "8Gi" }
                  limits: { cpu: "1", memory: "8Gi" }
                volumeMounts: [{ name: work, mountPath: /work }]
            volumes: [{ name: work, persistentVolumeClaim: { claimName: "work" } }]
      "
    `);
    expect(second).toContain('suspend: true');
    expect(third).toContain('completions: 1\n');
  });

  it.each(['Complete', 'Failed'])(
    'go on when what they wait for is %s, for whatever run of a batch has failed',
    (end) => {
      const programs = temporaryFolder();
      // The first Job has not ended when it is asked for twice, the second one has.
      const kubectl = `
      case "$1 $2" in
        "get job/"*-1) echo x >> asked; [ $(wc -l < asked) -lt 3 ] && echo Suspended || echo "FailureTarget ${end}" ;;
        "get job/"*) echo ${end} ;;
        patch*) echo "$2" | sed s/.*-// >> resumed ;;
        *) exit 1 ;;
      esac`;
      const manifest = kubernetesManifest(submissionOf(planOf('nowhere')), parseKubernetesOptions('image=x claim=y'));
      const commands = [...manifest.matchAll(/^# {3}(.*)$/gm)].map(([, command]) => command).join('\n');
      const env = { ...process.env, PATH: pathTo({ kubectl, sleep: '' }, programs) };
      execFileSync('sh', ['-c', commands], { cwd: programs, env });
      expect(readFileSync(join(programs, 'resumed'), 'utf8')).toBe('2\n3\n');
    },
  );

  it.each([
    ['image=x', 'lacks claim=…'],
    ['image=x claim=y gpu=1', '--kubernetes gpu: is unknown'],
  ])('refuse the options %s', (text, message) => expect(() => parseKubernetesOptions(text)).toThrow(message));
});

describe('status', () => {
  it('asks the queue for runs that were sent and have not ended', () => {
    const out = join(folder, 'half');
    mkdirSync(join(out, 'jobs'), { recursive: true });
    keepRecord(out, 'FLOAT', { job: '4_0', startsFrom: null, learnsFrom: null });
    const none = () => {
      throw new Error('nobody has to be asked');
    };
    const finished = { state: 'finished', note: '', epochs: { done: 1, all: 1 }, job: '4_0' };
    expect(runStatuses(out, none)).toMatchObject([{ run: 'FLOAT', ...finished }]);
    for (const [name, job] of [
      ['Q0', '5_0'],
      ['Q1', '5_1'],
      ['Q2', '5_2'],
      ['TUNED', '6_0'],
      ['TAUGHT', '7_0'],
    ] as const) {
      const learnsFrom = name === 'TAUGHT' ? 'Q1' : null;
      keepRecord(out, name, { job, startsFrom: name === 'TUNED' ? 'Q1' : 'FLOAT', learnsFrom });
    }
    writeFileSync(join(out, 'jobs/Q1.log'), 'begins\nmpdnn: no images\n');
    const queue = new Map([
      ['5_0', { state: 'PENDING', reason: 'Resources' }],
      ['5_2', { state: 'RUNNING', reason: 'None' }],
    ]);
    const statuses = runStatuses(out, () => queue);
    expect(statuses.map(({ run, state, note }) => [run, state, note.replace(`${out}/`, '')])).toEqual([
      ['FLOAT', 'finished', ''],
      ['Q0', 'queued', 'Resources'],
      ['Q1', 'stopped', 'jobs/Q1.log: mpdnn: no images'],
      ['Q2', 'running', ''],
      ['TAUGHT', 'cancelled', 'Q1 gave it nothing to learn from'],
      ['TUNED', 'cancelled', 'Q1 gave it nothing to start from'],
    ]);
  });

  it('is running where a process trains without a job, else unfinished', async () => {
    const out = join(folder, 'local');
    cpSync(join(folder, 'half/FLOAT'), join(out, 'FLOAT'), { recursive: true });
    rmSync(join(out, 'FLOAT/summary.json'));
    const noQueue = () => new Map();
    expect(runStatuses(out, noQueue)).toMatchObject([
      { run: 'FLOAT', state: 'unfinished', epochs: { done: 1, all: 1 } },
    ]);
    const lock = await lockFolder(join(out, 'FLOAT'), { does: 'trains', onLine: () => {} });
    expect(runStatuses(out, noQueue)).toMatchObject([{ run: 'FLOAT', state: 'running', note: '' }]);
    lock.release();
    expect(() => runStatuses(join(out, 'FLOAT'), noQueue)).toThrow('is a run folder; give the folder in which it lies');
  });

  it('is damaged where files cannot be read, beside runs whose files can', () => {
    const out = join(folder, 'damaged');
    for (const name of ['A', 'B', 'C']) cpSync(join(folder, 'half/FLOAT'), join(out, name), { recursive: true });
    writeFileSync(join(out, 'A/config.json'), '{');
    writeFileSync(join(out, 'C/summary.json'), '{}');
    const statuses = runStatuses(out, () => new Map());
    expect(statuses.map(({ run, state, epochs }) => [run, state, epochs])).toEqual([
      ['A', 'damaged', null],
      ['B', 'finished', { done: 1, all: 1 }],
      ['C', 'damaged', null],
    ]);
    expect(statuses[0]!.note).toContain('A/config.json');
    expect(statuses[2]!.note).toContain('C/summary.json');
  });
});

describe('the commands', () => {
  const fresh = ['submit', 'Q0', '--cfg', 'sweep.cfg'];
  const call = [...fresh, '--out', 'sent'];

  it('name the program itself in jobs, not a link to it, which npx puts where other machines may not look', async () => {
    const link = join(folder, 'mpdnn');
    symlinkSync(process.argv[1]!, link);
    const called = process.argv;
    process.argv = [process.execPath, link];
    try {
      const { stdout } = await mpdnn([...call, '--dry-run'], folder);
      expect(stdout).toContain(`${process.execPath} ${realpathSync(link)} submit Q0`);
    } finally {
      process.argv = called;
    }
  });

  it('print a script that sends the jobs, and first makes the folders of their logs', async () => {
    const { stdout } = await succeeds([...fresh, '--seeds', '0', '--out', 'by hand', '--dry-run'], folder);
    const programs = join(folder, 'programs');
    mkdirSync(programs);
    const sbatch = 'cat >/dev/null; test -d "by hand/jobs/seed-0" && echo 7';
    execFileSync('bash', ['-e', '-c', stdout], { cwd: folder, env: { PATH: pathTo({ sbatch }, programs) } });
  });

  it('say in one line what to install where there is no Slurm, and leave nothing', async () => {
    const env = { PATH: folder };
    const message = /^mpdnn: sbatch: no such program: this machine has no Slurm; .*\n$/;
    const { code, stderr } = await mpdnn(call, folder, { env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
    expect(existsSync(join(folder, 'sent'))).toBe(false);
    const sent = await mpdnn(['status', 'half'], folder, { env });
    expect(sent).toMatchObject({ code: 2, stderr: expect.stringMatching(/^mpdnn: squeue: no such program: .*\n$/) });
  });

  it('name the table that a finished run lacks before anything is sent or trained', async () => {
    cpSync(join(folder, 'half/FLOAT'), join(folder, 'lacking/FLOAT'), { recursive: true });
    rmSync(join(folder, 'lacking/FLOAT/quantizers.csv'));
    for (const how of [['--dry-run'], ['--run', 'FLOAT', '--force']]) {
      const { code, stderr } = await mpdnn([...fresh, '--out', 'lacking', ...how], folder);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^mpdnn: lacking\/FLOAT\/quantizers.csv: no such file; .*\n$/);
    }
  });

  it('train one run of the plan, as a job does', async () => {
    await succeeds([...call, '--run', 'FLOAT'], folder);
    await succeeds([...call, '--run', 'Q0'], folder);
    const { stderr } = await mpdnn([...call, '--run', 'Q2'], folder);
    expect(stderr).toBe('mpdnn: --run Q2: is no run of this plan; its runs: FLOAT, Q0\n');
    const { stdout } = await succeeds(['status', 'sent'], folder);
    expect(stdout).toMatch(/^FLOAT +finished +1\/1 .*\nQ0 +finished +2\/2 .*\n2 finished\n$/m);
  });

  it.each([
    ['reproduce', 'parametrizations', '--only', 'U3-W'],
    ['front', 'FLOAT', '--cfg', 'sweep.cfg', '--budgets', '0.8'],
  ])('%s %s sends its report behind all runs', async (...words) => {
    const { stdout } = await succeeds([...words, '--seeds', '0', '--out', 'table', '--submit', '--dry-run'], folder);
    const jobs = stdout.split('$(sbatch').slice(1);
    expect(jobs.at(-1)).toMatch(/--dependency=afterany:/);
    expect(jobs.at(-1)).not.toContain('--run');
    for (const job of jobs.slice(0, -1)) expect(job).toContain(` ${words[0]} ${words[1]} `);
  });

  it('have a run start a process a card, and ask Slurm for the cards', async () => {
    const { stdout } = await succeeds([...fresh, '--dry-run', '--gpus', '2', '--shards', '2'], folder);
    expect(stdout).toMatch(/^#SBATCH --gres=gpu:2$/m);
    expect(stdout).toMatch(/^#SBATCH --signal=USR2@120$/m);
    expect(stdout).toMatch(/^srun --ntasks=1 .* --shards 2 --gpus 2 --run "\$run"/m);
  });

  it.each([
    [
      [...fresh, '--ranks', '2'],
      '--ranks 2: sweep.cfg: [FLOAT] shards = 1: 2 processes cannot share them; set shards = 2 or a larger power of two',
    ],
    [
      [...fresh, '--ranks', '2', '--shards', '2', '--kubernetes', 'image=x claim=y'],
      '--kubernetes: a pod is one process of a run, not 2; several need Slurm, or an operator for MPI whose command is mpirun',
    ],
    [['reproduce', 'parametrizations', '--only', 'U3-W', '--gpus', '2'], '--gpus: goes with --submit'],
    [['submit', 'Q0'], 'submit Q0: which file is it in? name it: --cfg FILE'],
    [[...call, '--seeds', '1', '--seed', '2'], "option '--seeds <list>' cannot be used with option '--seed <value>'"],
    [['status', 'nothing'], 'nothing: has no run folders, and no jobs were sent for it'],
  ])('%j is refused', async (args, message) => {
    expect(await mpdnn(args, folder)).toMatchObject({ code: 2, stderr: `mpdnn: ${message}\n` });
  });
});
