/**
 * Runs that are resumed or replaced own their folder, too. Each run of the suite has `train` and `reproduce` as owners, and
 * all four as those who are refused; all take the lock at one place.
 */

import './lock.test.js';
