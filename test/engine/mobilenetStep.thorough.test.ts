/**
 * The step of a whole MobileNetV2 on the GPU engine, too, and on the CPU engine in float and with a step for each channel.
 * Each run of the suite has the quantized step on the CPU engine, and that of two of its blocks on the GPU engine: what is
 * left are faults of one size among its 52 convolutions, or of a pass that only an unquantized network has.
 */

import './mobilenetStep.test.js';
