/** Mean and 1/√(variance + ε) for normalization, from the moments of a batch or from running ones. */

@unmanaged
class BatchStatisticsArguments {
  moments: usize;
  runningMean: usize;
  runningVariance: usize;
  statistics: usize;
  channels: i32;
  epsilon: f32;
  decay: f32;
  count: i32;
}

export function batchStatistics(args: BatchStatisticsArguments, chunk: i32, worker: i32): void {
  const moments = args.moments;
  const runningMean = args.runningMean;
  const runningVariance = args.runningVariance;
  const statistics = args.statistics;
  const row = <usize>args.channels << 2;
  const epsilon = <f64>args.epsilon;
  const decay = <f64>args.decay;
  const count = <f64>args.count;
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

@unmanaged
class RunningStatisticsArguments {
  runningMean: usize;
  runningVariance: usize;
  statistics: usize;
  channels: i32;
  epsilon: f32;
}

export function runningStatistics(args: RunningStatisticsArguments, chunk: i32, worker: i32): void {
  const statistics = args.statistics;
  const row = <usize>args.channels << 2;
  const epsilon = <f64>args.epsilon;
  for (let c: usize = 0; c < row; c += 4) {
    store<f32>(statistics + c, load<f32>(args.runningMean + c));
    store<f32>(statistics + row + c, <f32>(1 / sqrt(<f64>load<f32>(args.runningVariance + c) + epsilon)));
  }
}
