/** Taps of rows and columns of a depthwise convolution's result that are inside the image: entries of tables. */

@unmanaged
export class RowSpan {
  /** First row of the source. */
  source: i32;
  taps: i32;
  firstTap: i32;
}

@unmanaged
export class ColumnRun {
  /** First column of the result. */
  first: i32;
  count: i32;
  /** First column of the source. */
  source: i32;
  taps: i32;
  firstTap: i32;
}
