export { planBatches } from './batches.js';
export { keepRecord, makeJobFolders, readRecords, removeEmptyFolders } from './jobFolder.js';
export { kubernetesManifest, parseKubernetesOptions } from './kubernetes.js';
export { queuedJobs, sendingScript, sendJobs } from './slurm.js';
export { parseSlurmOptions, type SlurmJob, slurmJobs } from './slurmScripts.js';
export { type RunStatus, runStatuses } from './status.js';
export type { Submission } from './submission.js';
