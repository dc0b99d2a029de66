/** The last part of every loss: the mean over the rows of outputs, summed in order. */

@unmanaged
class LossFinishArguments {
  /** (loss, counted) of each row as f64. */
  ofRows: usize;
  rows: i32;
  result: usize;
}

export function lossFinish(args: LossFinishArguments, chunk: i32, worker: i32): void {
  let at = args.ofRows;
  const rows = args.rows;
  const result = args.result;
  let loss: f64 = 0;
  let counted: f64 = 0;
  for (let row = 0; row < rows; row++, at += 16) {
    loss += load<f64>(at);
    counted += load<f64>(at, 8);
  }
  store<f32>(result, <f32>(loss / <f64>rows));
  store<f32>(result, <f32>counted, 4);
}
