/** Tables of blocks that stand behind a kernel's arguments, where their number depends on the layer. */

/** Where the first table begins. */
@inline
export function tablesBehind<T>(args: T): usize {
  return changetype<usize>(args) + offsetof<T>();
}

@inline
export function entry<T>(table: usize, index: i32): T {
  return changetype<T>(table + <usize>index * offsetof<T>());
}
