/** Work that is divided by rows: a row is a pixel's channels, a chunk is some rows. */

@unmanaged
export class ChannelRowArguments {
  rows: i32;
  rowsPerChunk: i32;

  @inline
  firstRow(chunk: i32): i32 {
    return chunk * this.rowsPerChunk;
  }

  @inline
  rowsOf(chunk: i32): i32 {
    return min(this.rowsPerChunk, this.rows - this.firstRow(chunk));
  }
}
