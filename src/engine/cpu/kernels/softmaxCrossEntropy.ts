/**
 * Softmax cross-entropy with smoothed labels and, if there are a teacher's logits (0: none), distillation, in float64.
 * A chunk is one row; rows whose label is no class are ignored.
 */

@unmanaged
class LossArguments {
  logits: usize;
  labels: usize;
  classes: i32;
  /** (loss, wrong) of each row as f64. */
  ofRows: usize;
  smoothing: f32;
  teacher: usize;
  temperature: f32;
  weight: f32;
}

export function softmaxCrossEntropy(args: LossArguments, chunk: i32, worker: i32): void {
  const classes = args.classes;
  const row = <usize>classes << 2;
  const logits = args.logits + <usize>chunk * row;
  const label = load<i32>(args.labels + (<usize>chunk << 2));
  const result = args.ofRows + (<usize>chunk << 4);
  if (<u32>label >= <u32>classes) {
    store<f64>(result, 0);
    store<f64>(result, 0, 8);
    return;
  }
  const largest = maximum(logits, row);
  let prediction: usize = 0;
  while (prediction < row && load<f32>(logits + prediction) != largest) prediction += 4;
  const smoothing = <f64>args.smoothing;
  let target = <f64>load<f32>(logits + (<usize>label << 2));
  if (smoothing > 0) target = (1 - smoothing) * target + (smoothing / <f64>classes) * sumOf(logits, row);
  let loss = Math.log(exponentialSum(logits, row, largest, 1)) - (target - <f64>largest);
  if (args.teacher) {
    const temperature = <f64>args.temperature;
    const weight = <f64>args.weight;
    const soft = divergence(args.teacher + <usize>chunk * row, logits, row, 1 / temperature);
    loss = (1 - weight) * loss + weight * temperature * temperature * soft;
  }
  store<f64>(result, loss);
  store<f64>(result, prediction == <usize>label << 2 ? 0 : 1, 8);
}

@unmanaged
class LossGradientArguments {
  logits: usize;
  labels: usize;
  gradient: usize;
  classes: i32;
  rows: i32;
  smoothing: f32;
  teacher: usize;
  temperature: f32;
  weight: f32;
}

export function softmaxCrossEntropyGradient(args: LossGradientArguments, chunk: i32, worker: i32): void {
  const classes = args.classes;
  const row = <usize>classes << 2;
  const share = 1 / <f64>args.rows;
  const smoothing = <f64>args.smoothing;
  const miss = (share * smoothing) / <f64>classes;
  const hit = share * (1 - smoothing) + miss;
  const logits = args.logits + <usize>chunk * row;
  const label = load<i32>(args.labels + (<usize>chunk << 2));
  const gradient = args.gradient + <usize>chunk * row;
  if (<u32>label >= <u32>classes) {
    memory.fill(gradient, 0, row);
    return;
  }
  const largest = maximum(logits, row);
  const factor = share / exponentialSum(logits, row, largest, 1);
  if (args.teacher) {
    const teacher = args.teacher + <usize>chunk * row;
    const cooling = 1 / <f64>args.temperature;
    const weight = <f64>args.weight;
    const most = maximum(teacher, row);
    const soft = share * weight * <f64>args.temperature;
    const ours = soft / exponentialSum(logits, row, largest, cooling);
    const theirs = soft / exponentialSum(teacher, row, most, cooling);
    for (let k: usize = 0; k < row; k += 4) {
      const target = k == <usize>label << 2 ? hit : miss;
      const logit = <f64>load<f32>(logits + k) - <f64>largest;
      const hard = factor * Math.exp(logit) - target;
      const q = ours * Math.exp(cooling * logit);
      const p = theirs * Math.exp(cooling * (<f64>load<f32>(teacher + k) - <f64>most));
      store<f32>(gradient + k, <f32>((1 - weight) * hard + q - p));
    }
    return;
  }
  for (let k: usize = 0; k < row; k += 4) {
    const target = k == <usize>label << 2 ? hit : miss;
    store<f32>(gradient + k, <f32>(factor * Math.exp(<f64>load<f32>(logits + k) - <f64>largest) - target));
  }
}

function maximum(logits: usize, row: usize): f32 {
  let largest = load<f32>(logits);
  for (let k: usize = 4; k < row; k += 4) largest = max(largest, load<f32>(logits + k));
  return largest;
}

function sumOf(logits: usize, row: usize): f64 {
  let sum: f64 = 0;
  for (let k: usize = 0; k < row; k += 4) sum += <f64>load<f32>(logits + k);
  return sum;
}

function exponentialSum(logits: usize, row: usize, largest: f32, cooling: f64): f64 {
  let sum: f64 = 0;
  for (let k: usize = 0; k < row; k += 4) sum += Math.exp(cooling * (<f64>load<f32>(logits + k) - <f64>largest));
  return sum;
}

/** KL(p ‖ q) of the softmax p of a teacher's logits and the softmax q of the row's, all multiplied by `cooling`. */
function divergence(teacher: usize, logits: usize, row: usize, cooling: f64): f64 {
  const largest = maximum(logits, row);
  const most = maximum(teacher, row);
  const own = Math.log(exponentialSum(logits, row, largest, cooling));
  const total = Math.log(exponentialSum(teacher, row, most, cooling));
  let sum: f64 = 0;
  for (let k: usize = 0; k < row; k += 4) {
    const theirs = cooling * (<f64>load<f32>(teacher + k) - <f64>most) - total;
    const ours = cooling * (<f64>load<f32>(logits + k) - <f64>largest) - own;
    sum += Math.exp(theirs) * (theirs - ours);
  }
  return sum;
}
