/** The value of `--data`: the kind of dataset and its location. */
import { InputError } from '../errors.js';
import { maximumCount } from './synthetic.js';

export const dataKinds = ['cifar10', 'cifar100', 'mnist', 'images', 'arrays', 'csv', 'wav', 'synthetic'] as const;

export interface DataSpec {
  readonly kind: (typeof dataKinds)[number];
  /** A folder; for CIFAR also an archive, for arrays and tables a file or a folder; absent for the usual places. */
  readonly location?: string;
  /** Number of generated training images. */
  readonly count?: number;
}

/** The allowed forms, for messages. */
export const dataForms =
  'cifar10[:DIR or archive], cifar100[:DIR or archive], mnist[:DIR], images:DIR, arrays:FILE, csv:FILE, wav:DIR or synthetic[:COUNT]';

/**
 * Parses the value of `--data`.
 *
 * @throws InputError that lists the allowed forms
 */
export function parseDataSpec(text: string): DataSpec {
  // Only the first colon separates, since Windows paths have colons.
  const [, kind = '', , rest] = /^([^:]*)(:(.*))?$/s.exec(text.trim()) ?? [];
  const fault = (what: string) => new InputError(`data "${text}": ${what}; allowed: ${dataForms}`);
  if (rest === '') throw fault('nothing follows the colon');
  switch (kind) {
    case 'cifar10':
    case 'cifar100':
    case 'mnist':
      return rest === undefined ? { kind } : { kind, location: rest };
    case 'images':
    case 'wav':
      if (rest === undefined) throw fault('the folder is missing');
      return { kind, location: rest };
    case 'arrays':
    case 'csv':
      if (rest === undefined) throw fault('the file is missing');
      return { kind, location: rest };
    case 'synthetic':
      if (rest === undefined) return { kind };
      if (!/^\d+$/.test(rest) || Number(rest) < 1) throw fault('the count must be a positive whole number');
      if (Number(rest) > maximumCount) throw fault(`the count is at most ${maximumCount}`);
      return { kind, count: Number(rest) };
    default:
      throw fault('no such dataset');
  }
}

/** Tells whether a kind's inputs are pictures: they may be shifted and mirrored, and their bytes are pixels. */
export function arePictures(kind: DataSpec['kind']): boolean {
  return kind !== 'arrays' && kind !== 'csv' && kind !== 'wav';
}
