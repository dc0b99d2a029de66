/** Messages between the page and its worker. */

import type { TrainingData } from '../src/library/train.js';
import type { Lines, Part } from './parts.js';
import type { Place } from './recipe.js';
import type { Targets } from './targets.js';

/** Images for training: generated ones, or those of the page. */
export type Images = { readonly kind: 'generated' } | { readonly kind: 'given'; readonly data: TrainingData };

export type ToWorker =
  | { readonly type: 'begin'; readonly images: Images; readonly place: Place; readonly targets: Targets }
  | { readonly type: 'targets'; readonly targets: Targets }
  | { readonly type: 'pause' }
  | { readonly type: 'goOn' }
  /** Forgets the training and its stored files. */
  | { readonly type: 'forget' }
  /** Answered by `answers`; `image`: bytes of an image, or the index of a test image. */
  | { readonly type: 'ask'; readonly image: Uint8Array | number }
  /** Answered by `file`. */
  | { readonly type: 'download'; readonly kind: DownloadKind };

/** Classes with probabilities, the most probable first. */
export type Answer = readonly { readonly name: string; readonly probability: number }[];

export interface Standing {
  readonly part: Part;
  readonly isFinished: boolean;
  readonly isPaused: boolean;
  readonly targets: Targets;
}

/** Parameters of either network, or the one with learned bits in integers. */
export type DownloadKind = Part | 'packed' | 'c';

export interface DownloadFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A few images of each class. */
export interface Preview {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: readonly string[];
  /** Images of all classes. */
  readonly counts: { readonly train: number; readonly test: number };
  /** By class, images one after another. */
  readonly images: readonly Uint8Array[];
}

export type FromWorker =
  /** There is no training; the page may begin one. */
  | { readonly type: 'ready'; readonly note: string }
  /** A training has begun, or was resumed from the stored one. */
  | { readonly type: 'training'; readonly preview: Preview; readonly standing: Standing; readonly lines: Lines }
  | { readonly type: 'line'; readonly part: Part; readonly line: string }
  | { readonly type: 'standing'; readonly standing: Standing }
  | {
      readonly type: 'answers';
      readonly answers: Readonly<Record<Part, Answer | null>>;
      /** The test image of the question: its bytes and its class. */
      readonly asked: { readonly image: Uint8Array; readonly label: string | null };
    }
  | { readonly type: 'file'; readonly file: DownloadFile }
  /** Another tab has the training. */
  | { readonly type: 'busy' }
  | { readonly type: 'fault'; readonly message: string };
