/** From the moments of a batch, or from running ones, to what normalization needs: mean and 1/√(variance + ε). */

/** Arguments: moments, running mean, running variance, statistics, channels, ε, decay, count. */
export function batchStatistics(args: usize, chunk: i32, worker: i32): void {
  const moments = load<usize>(args);
  const runningMean = load<usize>(args, 4);
  const runningVariance = load<usize>(args, 8);
  const statistics = load<usize>(args, 12);
  const row = <usize>load<i32>(args, 16) << 2;
  const epsilon = <f64>load<f32>(args, 20);
  const decay = <f64>load<f32>(args, 24);
  const count = <f64>load<i32>(args, 28);
  const unbiased = count / max<f64>(1, count - 1);
  for (let c: usize = 0; c < row; c += 4) {
    const mean = load<f32>(moments + c);
    const variance = <f64>load<f32>(moments + row + c);
    store<f32>(statistics + c, mean);
    store<f32>(statistics + row + c, <f32>(1 / sqrt(variance + epsilon)));
    store<f32>(runningMean + c, <f32>(decay * load<f32>(runningMean + c) + (1 - decay) * mean));
    const blended = decay * load<f32>(runningVariance + c) + (1 - decay) * unbiased * variance;
    store<f32>(runningVariance + c, <f32>blended);
  }
}

/** Arguments: running mean, running variance, statistics, channels, ε. */
export function runningStatistics(args: usize, chunk: i32, worker: i32): void {
  const runningMean = load<usize>(args);
  const runningVariance = load<usize>(args, 4);
  const statistics = load<usize>(args, 8);
  const row = <usize>load<i32>(args, 12) << 2;
  const epsilon = <f64>load<f32>(args, 16);
  for (let c: usize = 0; c < row; c += 4) {
    store<f32>(statistics + c, load<f32>(runningMean + c));
    store<f32>(statistics + row + c, <f32>(1 / sqrt(<f64>load<f32>(runningVariance + c) + epsilon)));
  }
}
