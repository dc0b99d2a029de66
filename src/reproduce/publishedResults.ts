/** The paper's results and their sources: the only place for published numbers. */

/**
 * A published result. Errors are top-1 errors in percent, on the images that also selected the parameters; 1 kB = 1024
 * bytes.
 */
export interface PublishedResult {
  readonly errorPercent: number;
  readonly weightsKbytes?: number;
  readonly activationsMaxKbytes?: number;
  readonly activationsSumKbytes?: number;
}

export interface PublishedResults {
  /** Source and remarks, in whole sentences. */
  readonly source: string;
  /** By the identifiers of a table's rows. */
  readonly results: Readonly<Record<string, PublishedResult>>;
}

const paper =
  'S. Uhlich et al., Mixed Precision DNNs: All you need is a good parametrization, ICLR 2020 (arXiv 1905.11452)';

const floatActivations = { activationsMaxKbytes: 64, activationsSumKbytes: 736 };
const twoBits = { weightsKbytes: 65.5, ...floatActivations };
const twoAndFourBits = { weightsKbytes: 65.5, activationsMaxKbytes: 8, activationsSumKbytes: 92 };

/** ResNet-20 on CIFAR-10. */
export const publishedCifar10: PublishedResults = {
  source:
    `The published numbers are those of ResNet-20 in the CIFAR-10 table of ${paper}, as remembered: the text of the paper ` +
    'was not at hand when they were written down. Take them as a target, not as a citation.',
  results: {
    float: { errorPercent: 7.29, weightsKbytes: 1048, ...floatActivations },
    'uniform-2/32-fixed': { errorPercent: 10.81, ...twoBits },
    'uniform-2/32-range': { errorPercent: 9.47, ...twoBits },
    'uniform-weights': { errorPercent: 8.59, weightsKbytes: 70, ...floatActivations },
    'uniform-2/4-fixed': { errorPercent: 11.3, ...twoAndFourBits },
    'uniform-2/4-range': { errorPercent: 9.62, ...twoAndFourBits },
    'uniform-sum': { errorPercent: 9.38, weightsKbytes: 70, activationsSumKbytes: 92 },
    'uniform-max': { errorPercent: 8.58, weightsKbytes: 70, activationsMaxKbytes: 8 },
    'pow2-2/32-fixed': { errorPercent: 8.99, ...twoBits },
    'pow2-2/32-range': { errorPercent: 8.79, ...twoBits },
    'pow2-weights': { errorPercent: 8.53, weightsKbytes: 70, ...floatActivations },
    'pow2-2/4-fixed': { errorPercent: 11.62, ...twoAndFourBits },
    'pow2-2/4-range': { errorPercent: 11.29, ...twoAndFourBits },
    'pow2-sum': { errorPercent: 11.29, weightsKbytes: 70, activationsSumKbytes: 92 },
    'pow2-max': { errorPercent: 11.23, weightsKbytes: 70, activationsMaxKbytes: 8 },
  },
};

/** The parametrizations are only compared by learning curves. */
export const publishedParametrizations: PublishedResults = {
  source:
    `${paper}, compares the parametrizations by learning curves and gives no numbers to put beside these; its claim is ` +
    'that U3 (step and range are learned) and P3 (both ends are learned) train best, since their gradients are bounded ' +
    'and independent of each other.',
  results: {},
};

export const nothingPublished: PublishedResults = { source: '', results: {} };

/** ImageNet; sizes were published in MB of 1024 kB. */
export const publishedImagenet: PublishedResults = {
  source: `The published numbers are from the figure that was published with the original code of ${paper}.`,
  results: {
    'mobilenetv2-float': { errorPercent: 29.82, ...megabytes(13.23, 4.59) },
    'mobilenetv2-fixed': { errorPercent: 36.27, ...megabytes(1.65, 0.57) },
    'mobilenetv2-range': { errorPercent: 32.21, ...megabytes(1.65, 0.57) },
    'mobilenetv2-max': { errorPercent: 30.26, ...megabytes(1.55, 0.57) },
    'mobilenetv2-free': { errorPercent: 29.41, ...megabytes(3.14, 1.58) },
    'resnet18-float': { errorPercent: 29.72, ...megabytes(44.56, 3.04) },
    'resnet18-fixed': { errorPercent: 34.15, ...megabytes(5.57, 0.38) },
    'resnet18-range': { errorPercent: 30.49, ...megabytes(5.57, 0.38) },
    'resnet18-max': { errorPercent: 29.92, ...megabytes(5.4, 0.38) },
    'resnet18-free': { errorPercent: 29.34, ...megabytes(10.5, 1.05) },
  },
};

function megabytes(weights: number, activations: number): Omit<PublishedResult, 'errorPercent'> {
  return { weightsKbytes: 1024 * weights, activationsMaxKbytes: 1024 * activations };
}
