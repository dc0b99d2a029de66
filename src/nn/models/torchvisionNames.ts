/** Names of the variables of a batch normalisation in torchvision's models. */

import type { BatchNormNames } from '../layers.js';

export function batchNormNames(name: string): BatchNormNames {
  return {
    gamma: `${name}.weight`,
    beta: `${name}.bias`,
    mean: `${name}.running_mean`,
    variance: `${name}.running_var`,
  };
}
