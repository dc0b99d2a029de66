export { planBatches } from './batches.js';
export { keepRecord, makeJobFolders, readRecords } from './jobFolder.js';
export { kubernetesManifest, parseKubernetesOptions } from './kubernetes.js';
export { queuedJobs, sendingScript, sendJobs } from './slurm.js';
export { parseSlurmOptions, slurmJobs } from './slurmScripts.js';
export { type RunStatus, runStatuses } from './status.js';
export type { Submission } from './submission.js';
