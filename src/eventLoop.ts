/** Turns for others in a loop that never waits by itself. */

/** Lets timers, signals and messages through, in Node and in a browser. */
export const yieldToEventLoop: () => Promise<void> =
  typeof setImmediate === 'function' ? () => new Promise((resolve) => setImmediate(resolve)) : yieldByMessage();

/** A message comes at once where a timeout, after a few in a row, takes four milliseconds. */
function yieldByMessage(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}
