/** Schemes for the names of parameters. */

import type { BatchNormNames } from './layerNodes.js';
import type { Layout } from './layouts.js';

/**
 * `slashes`: `scope/layer.weight`. `dots`: `scope.layer.weight`, as in PyTorch's files. `published`: as in the files of
 * the published NNabla code.
 */
export type Names = 'slashes' | 'dots' | 'published';

/** Rules by which names of parameters follow from names of layers. */
export interface Naming {
  /** Separator between a scope and its layers. */
  readonly separator: string;
  convolution(layer: string): { readonly weight: string; readonly bias: string };
  linear(layer: string): { readonly weight: string; readonly bias: string; readonly layout: Layout };
  /** Default name of a layer's batch normalisation. */
  readonly batchNorm: string;
  batchNormOf(name: string): BatchNormNames;
}

const pytorch = {
  convolution: (layer) => ({ weight: `${layer}.weight`, bias: `${layer}.bias` }),
  linear: (layer) => ({ weight: `${layer}.weight`, bias: `${layer}.bias`, layout: 'transposed' }),
  batchNorm: '.bn',
  batchNormOf: (name) => ({
    gamma: `${name}.weight`,
    beta: `${name}.bias`,
    mean: `${name}.running_mean`,
    variance: `${name}.running_var`,
  }),
} as const satisfies Omit<Naming, 'separator'>;

export const namings: Readonly<Record<Names, Naming>> = {
  slashes: { separator: '/', ...pytorch },
  dots: { separator: '.', ...pytorch },
  published: {
    separator: '/',
    convolution: (layer) => ({ weight: `${layer}/quantized_conv/W`, bias: `${layer}/quantized_conv/b` }),
    linear: (layer) => ({
      weight: `${layer}/quantized_affine/W`,
      bias: `${layer}/quantized_affine/b`,
      layout: 'plain',
    }),
    batchNorm: '/bn',
    batchNormOf: (name) => ({
      gamma: `${name}/gamma`,
      beta: `${name}/beta`,
      mean: `${name}/mean`,
      variance: `${name}/var`,
    }),
  },
};
