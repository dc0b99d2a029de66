/**
 * Tables, and runs that are resumed or replaced, own their folders, too. Each run of the suite has `train` as owner, and all
 * four as those who are refused; all take the lock at one place.
 */

import './lock.test.js';
