/**
 * Packed and plain weights at every level of onnxruntime. Each run of the suite has one of both at each level: what is left
 * are optimisations of one form of weights alone.
 */

import './onnx.test.js';
