/**
 * The step of a whole MobileNetV2 on the GPU engine, too. Each run of the suite has the step of two of its blocks there, and
 * that of the whole network on the CPU engine: what is left are faults of one size among its 52 convolutions.
 */

import './mobilenetStep.test.js';
