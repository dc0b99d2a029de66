/**
 * The first of the items of a share, where `all` items are divided into shares as equal as can be; that of the share behind the
 * last is `all`. A product of two counts may need more than 32 bits.
 */
@inline
export function firstOfShare(share: i32, all: i32, shares: i32): i32 {
  return <i32>((<i64>share * <i64>all) / <i64>shares);
}
