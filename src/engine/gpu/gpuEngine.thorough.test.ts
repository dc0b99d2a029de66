/**
 * All cases of the conformance suite on the GPU engine. Each run of the suite leaves out sizes that call for kernels much
 * like those of other cases, which the CPU engine computes there: what these would find alone is a fault of one tiling.
 */

import './gpuEngine.test.js';
