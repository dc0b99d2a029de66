/** The division of element-wise work into chunks of equal numbers of elements. */
@unmanaged
export class ElementArguments {
  elements: i32;
  perChunk: i32;

  /** Bytes from the first element to a chunk's first. */
  @inline
  start(chunk: i32): usize {
    return (<usize>chunk * this.perChunk) << 2;
  }

  @inline
  count(chunk: i32): i32 {
    return min(this.perChunk, this.elements - chunk * this.perChunk);
  }
}
