/**
 * The same parsers with the same generator as in every run of the suite, but with 1000 mutations each instead of 200, of
 * which those are the first: a parser without a check falls for one of the first few, what is left are faults that need
 * a rare byte at a rare place.
 */

import './packedFile.test.js';
import './parsers.test.js';
