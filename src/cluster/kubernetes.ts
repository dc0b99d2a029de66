/**
 * The jobs of a submission as a manifest for Kubernetes 1.29 or newer: an indexed Job for each batch, with pods on one
 * shared volume. Kubernetes has no dependencies between jobs: jobs that wait for others are suspended, and the
 * manifest's first lines tell how to resume them.
 */

import { InputError } from '../errors.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { commandWords } from '../settings/index.js';
import { jobFolder } from './jobFolder.js';
import { jobName, runOfIndex, type Submission } from './submission.js';

/** Facts about the cluster. */
export interface KubernetesOptions {
  /** A container image in which `mpdnn` is a command. */
  readonly image: string;
  /** The PersistentVolumeClaim with the .cfg file, the images and the run folders; it is the working folder. */
  readonly claim: string;
  readonly cpu: string;
  readonly memory: string;
}

/**
 * Parses `image=… claim=… cpu=4 memory=8Gi`.
 *
 * @throws InputError for missing or unknown entries
 */
export function parseKubernetesOptions(text: string): KubernetesOptions {
  const words = text.split(/\s+/).filter(Boolean);
  const given = new Map(words.map((word) => [word.replace(/=.*/, ''), word.replace(/^[^=]*=?/, '')]));
  const value = (key: string, fallback?: string): string => {
    const found = given.get(key) || fallback;
    given.delete(key);
    if (found === undefined) throw new InputError(`--kubernetes ${text}: lacks ${key}=…; image and claim are needed`);
    return found;
  };
  const options = {
    image: value('image'),
    claim: value('claim'),
    cpu: value('cpu', '1'),
    memory: value('memory', '4Gi'),
  };
  const [strange] = given.keys();
  if (strange === undefined) return options;
  throw new InputError(`--kubernetes ${strange}: is unknown; there are image, claim, cpu and memory`);
}

/**
 * The manifest as YAML.
 *
 * @throws InputError for runs of several processes
 */
export function kubernetesManifest(submission: Submission, options: KubernetesOptions): string {
  const { out, batches, call, last, atOnce, ranks, gpus } = submission;
  const processes = gpus ?? ranks;
  if (processes > 1) {
    throw new InputError(
      `--kubernetes: a pod is one process of a run, not ${processes}; several need Slurm, or an operator for MPI whose command is mpirun`,
    );
  }
  const nameOf = (position: number): string => `${jobName(out)}-${position + 1}`;
  const positionOf = (run: PlannedRun): number => batches.findIndex(({ runs }) => runs.includes(run));
  const jobs = batches.map(({ runs, after }, position) => ({
    name: nameOf(position),
    after: [...new Set(after.map((run) => nameOf(positionOf(run))))],
    count: runs.length,
    atOnce: Math.min(atOnce ?? runs.length, runs.length),
    script: [
      ...runOfIndex(runs, 'JOB_COMPLETION_INDEX'),
      `log=${commandWords([jobFolder(out)])}/$run.log`,
      'mkdir -p "$(dirname "$log")"',
      `exec ${commandWords(['mpdnn', ...call])} --run "$run" >>"$log" 2>&1`,
    ].join('\n'),
  }));
  const lastJob = last && {
    name: nameOf(batches.length),
    after: jobs.map(({ name }) => name),
    count: 1,
    atOnce: 1,
    script: `exec ${commandWords(['mpdnn', ...last.call])}`,
  };
  const all = lastJob ? [...jobs, lastJob] : jobs;
  const goOn = all.flatMap(({ name, after }) => {
    if (after.length === 0) return [];
    const waits = after.map((each) => `ended ${each} && `).join('');
    return [`#   ${waits}kubectl patch job/${name} --patch '{"spec":{"suspend":false}}'`];
  });
  const note =
    goOn.length === 0
      ? []
      : ['# What waits for others is suspended; behind `kubectl apply` it goes on with:', `#   ${ended}`, ...goOn];
  const documents = all.map((job) => jobText(job, submission.failFast, options));
  return [...note.map((line) => `${line}\n`), documents.join('---\n')].join('');
}

/**
 * A function of the shell that waits for the end of a Job: `kubectl wait` would wait for one condition alone. A Job that
 * failed has runs with results, from which others start; those that start from the others fail by themselves.
 */
const ended =
  "ended() { until kubectl get job/$1 -o jsonpath='{.status.conditions[*].type}' | grep -qwE 'Complete|Failed'; do sleep 10; done; }";

interface IndexedJob {
  readonly name: string;
  /** The jobs that it waits for. */
  readonly after: readonly string[];
  readonly count: number;
  readonly atOnce: number;
  readonly script: string;
}

/**
 * The Job of a batch. A pod that stopped with a checkpoint (130), or whose node failed, is started again and counts as
 * no failure.
 */
function jobText(
  { name, after, count, atOnce, script }: IndexedJob,
  failFast: boolean,
  { image, claim, cpu, memory }: KubernetesOptions,
): string {
  return `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
spec:
  completionMode: Indexed
  completions: ${count}
  parallelism: ${atOnce}
  suspend: ${after.length > 0}
  ${failFast ? 'backoffLimit: 0' : 'backoffLimitPerIndex: 0'}
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
          image: ${JSON.stringify(image)}
          workingDir: /work
          command: ["/bin/bash", "-c"]
          args:
            - |
${script.replaceAll(/^/gm, ' '.repeat(14))}
          resources:
            requests: { cpu: ${JSON.stringify(cpu)}, memory: ${JSON.stringify(memory)} }
            limits: { cpu: ${JSON.stringify(cpu)}, memory: ${JSON.stringify(memory)} }
          volumeMounts: [{ name: work, mountPath: /work }]
      volumes: [{ name: work, persistentVolumeClaim: { claimName: ${JSON.stringify(claim)} } }]
`;
}
