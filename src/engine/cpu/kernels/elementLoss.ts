/** A loss of each output, in float64. A chunk is one input; inputs with label −1 are ignored. */

@unmanaged
class ElementLossArguments {
  outputs: usize;
  targets: usize;
  labels: usize;
  /** (loss, counted) of each input as f64. */
  ofRows: usize;
  /** Outputs of an input. */
  length: i32;
}

@unmanaged
class ElementLossGradientArguments {
  outputs: usize;
  targets: usize;
  labels: usize;
  gradient: usize;
  length: i32;
  /** Outputs of the batch. */
  all: i32;
}

export function squaredError(args: ElementLossArguments, chunk: i32, worker: i32): void {
  const row = <usize>args.length << 2;
  const outputs = args.outputs + <usize>chunk * row;
  const targets = args.targets + <usize>chunk * row;
  let sum: f64 = 0;
  if (load<i32>(args.labels + (<usize>chunk << 2)) >= 0) {
    for (let i: usize = 0; i < row; i += 4) {
      const difference = <f64>load<f32>(outputs + i) - <f64>load<f32>(targets + i);
      sum += difference * difference;
    }
  }
  storeMeans(args, chunk, sum, sum);
}

export function squaredErrorGradient(args: ElementLossGradientArguments, chunk: i32, worker: i32): void {
  const row = <usize>args.length << 2;
  const at = <usize>chunk * row;
  const factor: f64 = load<i32>(args.labels + (<usize>chunk << 2)) >= 0 ? 2 / <f64>args.all : 0;
  for (let i = at; i < at + row; i += 4) {
    const difference = <f64>load<f32>(args.outputs + i) - <f64>load<f32>(args.targets + i);
    store<f32>(args.gradient + i, <f32>(factor * difference));
  }
}

/** Binary cross-entropy; targets outside of 0 … 1 are ignored. */
export function binaryCrossEntropy(args: ElementLossArguments, chunk: i32, worker: i32): void {
  const row = <usize>args.length << 2;
  const outputs = args.outputs + <usize>chunk * row;
  const targets = args.targets + <usize>chunk * row;
  let sum: f64 = 0;
  let wrong: f64 = 0;
  if (load<i32>(args.labels + (<usize>chunk << 2)) >= 0) {
    for (let i: usize = 0; i < row; i += 4) {
      const target = <f64>load<f32>(targets + i);
      if (!(target >= 0 && target <= 1)) continue;
      const output = <f64>load<f32>(outputs + i);
      sum += max<f64>(output, 0) + Math.log1p(Math.exp(-Math.abs(output))) - target * output;
      if (output > 0 != target > 0.5 || isNaN(output)) wrong += 1;
    }
  }
  storeMeans(args, chunk, sum, wrong);
}

export function binaryCrossEntropyGradient(args: ElementLossGradientArguments, chunk: i32, worker: i32): void {
  const row = <usize>args.length << 2;
  const at = <usize>chunk * row;
  const isCounted = load<i32>(args.labels + (<usize>chunk << 2)) >= 0;
  const share = 1 / <f64>args.all;
  for (let i = at; i < at + row; i += 4) {
    const target = <f64>load<f32>(args.targets + i);
    const sigmoid = 1 / (1 + Math.exp(-<f64>load<f32>(args.outputs + i)));
    store<f32>(args.gradient + i, isCounted && target >= 0 && target <= 1 ? <f32>(share * (sigmoid - target)) : 0);
  }
}

/** Means over the outputs of an input. */
function storeMeans(args: ElementLossArguments, chunk: i32, loss: f64, counted: f64): void {
  const result = args.ofRows + (<usize>chunk << 4);
  const length = <f64>args.length;
  store<f64>(result, loss / length);
  store<f64>(result, counted / length, 8);
}
