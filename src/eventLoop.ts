/** Yielding to the event loop from long computations. */

/** Lets timers, signals and messages run, in Node and in a browser. */
export const yieldToEventLoop: () => Promise<void> =
  typeof setImmediate === 'function' ? () => new Promise((resolve) => setImmediate(resolve)) : yieldByMessage();

/** Yields by a message, which comes at once; repeated timeouts take four milliseconds. */
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
