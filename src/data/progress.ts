/** The progress of a slow load: a task in words, and how much of it is done, in images or bytes. */
export interface Progress {
  readonly task: string;
  readonly done: number;
  readonly total: number;
}

export type OnProgress = (progress: Progress) => void;
