/**
 * The replay loop: every worker walks the same list of calls, takes chunks of each, and meets the others between calls.
 *
 * All state is at addresses passed in, because active data segments are written again at each instantiation. The
 * control block, in bytes from its address (words that are waited on have a cache line of their own):
 *
 *   0 run number (idle workers wait on it)   64 list   68 calls   72 stop   76 failed   80 spins   84 workers
 *   88 timed   128 arrivals at the barrier   192 barrier generation
 *
 * A call record, in bytes: 0 table index of the kernel, or -1 for a host call; 4 chunks; 8 arguments, or the number of
 * the host call; 16 milliseconds (f64); 24 address of the word that decides whether the call is made, or 0; 28 the
 * word's value if it is; 64 the next chunk to take. The result does not depend on which worker takes a chunk, since each
 * chunk writes memory of its own.
 */

@external("host", "call")
declare function hostCall(index: i32): void;

@external("host", "now")
declare function now(): f64;

const RECORD_BYTES: usize = 128;

/** The first address behind this module's static data. */
export function staticEnd(): usize {
  return __heap_base;
}

/** Runs the list once as worker 0. Returns 0, or 1 if another worker failed. */
export function replay(control: usize): i32 {
  atomic.add<i32>(control, 1);
  atomic.notify(control, -1);
  return walk(control, 0);
}

/** The loop of any other worker: sleep, run, until told to stop. `seen`: the run number at its start. */
export function serve(control: usize, worker: i32, seen: i32): void {
  while (true) {
    while (atomic.load<i32>(control) == seen) atomic.wait<i32>(control, seen, -1);
    seen = atomic.load<i32>(control);
    if (atomic.load<i32>(control, 72)) return;
    if (walk(control, worker)) return;
  }
}

function walk(control: usize, worker: i32): i32 {
  const list = load<usize>(control, 64);
  const end = list + RECORD_BYTES * load<u32>(control, 68);
  const timed = worker == 0 && load<i32>(control, 88) != 0;
  let before = timed ? now() : 0;
  for (let record = list; record < end; record += RECORD_BYTES) {
    if ((record > list && isSolo(record)) || isSkipped(record)) continue;
    const kernel = load<i32>(record);
    if (kernel >= 0) {
      const chunks = load<i32>(record, 4);
      const args = load<usize>(record, 8);
      for (let chunk = atomic.add<i32>(record, 1, 64); chunk < chunks; chunk = atomic.add<i32>(record, 1, 64)) {
        call_indirect<void>(kernel, args, chunk, worker);
      }
    } else if (worker == 0) {
      hostCall(load<i32>(record, 8));
    }
    if (meet(control, record, end, worker)) return 1;
    if (timed) {
      const after = now();
      addTime(record, after - before);
      before = after;
    }
  }
  return 0;
}

/** A call of one chunk needs no barrier of its own: the last worker to arrive at the previous barrier makes it. */
@inline
function isSolo(record: usize): bool {
  return load<i32>(record) >= 0 && load<i32>(record, 4) == 1;
}

/** A call whose word has another value. An earlier call may have changed the word. */
@inline
function isSkipped(record: usize): bool {
  const word = load<usize>(record, 24);
  return word != 0 && load<i32>(word) != load<i32>(record, 28);
}

/** The barrier. The last worker to arrive resets the call's chunk counter, which no one reads any more. */
function meet(control: usize, record: usize, end: usize, worker: i32): bool {
  const generation = atomic.load<i32>(control, 192);
  if (atomic.add<i32>(control, 1, 128) + 1 == load<i32>(control, 84)) {
    atomic.store<i32>(record, 0, 64);
    makeSoloCalls(control, record, end, worker);
    atomic.store<i32>(control, 0, 128);
    atomic.store<i32>(control, generation + 1, 192);
    atomic.notify(control + 192, -1);
    return false;
  }
  for (let spins = load<i32>(control, 80); spins > 0; spins--) {
    if (atomic.load<i32>(control, 192) != generation) return false;
  }
  while (atomic.load<i32>(control, 192) == generation) {
    if (atomic.load<i32>(control, 76)) return true;
    atomic.wait<i32>(control + 192, generation, -1);
  }
  return false;
}

/**
 * Makes the calls of one chunk that follow a call; their time is subtracted from that call's, which ends after them.
 */
function makeSoloCalls(control: usize, record: usize, end: usize, worker: i32): void {
  const timed = load<i32>(control, 88) != 0;
  for (let solo = record + RECORD_BYTES; solo < end; solo += RECORD_BYTES) {
    if (isSkipped(solo)) continue;
    if (!isSolo(solo)) return;
    const before = timed ? now() : 0;
    call_indirect<void>(load<i32>(solo), load<usize>(solo, 8), 0, worker);
    if (timed) {
      const time = now() - before;
      addTime(solo, time);
      addTime(record, -time);
    }
  }
}

@inline
function addTime(record: usize, ms: f64): void {
  store<f64>(record, load<f64>(record, 16) + ms, 16);
}
