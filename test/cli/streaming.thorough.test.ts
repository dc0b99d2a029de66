/**
 * Streamed photographs of which one cannot be decoded while the run evaluates, too. Each run of the suite has that while it
 * trains: what is left is that both end the run by the same words.
 */

import './streaming.test.js';
