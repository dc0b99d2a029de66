/** Tables of blocks behind a kernel's arguments, whose number depends on the layer. */

/** Address of the first table. */
@inline
export function tablesBehind<T>(args: T): usize {
  return changetype<usize>(args) + offsetof<T>();
}

@inline
export function entry<T>(table: usize, index: i32): T {
  return changetype<T>(table + <usize>index * offsetof<T>());
}
