/**
 * Matrix-unit kernels of more channels and strides than each run of the suite has: their sources are made of the same
 * parts, which those have each of, so that what is left are faults of one combination.
 */

import './matrixTile.test.js';
