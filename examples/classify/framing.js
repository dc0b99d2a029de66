/**
 * Crops and scales pictures as the network's test images were: to its shape, with a triangle filter as wide as the
 * reduction.
 */

/**
 * The region of a picture for a network of `height`×`width`.
 *
 * @param {{ width: number, height: number }} picture
 * @param {boolean} crops true if the network was trained on crops: then the region is 224/256 of the shorter side
 */
export function regionOf(picture, height, width, crops) {
  const share = crops ? 224 / 256 : 1;
  const scale = Math.min(picture.width / width, picture.height / height) * share;
  const [w, h] = [width * scale, height * scale];
  return { left: (picture.width - w) / 2, top: (picture.height - h) / 2, width: w, height: h };
}

/**
 * Bytes, height × width × 3, of a region of a picture.
 *
 * @param {ImageData} picture
 */
export function scaled(picture, region, height, width) {
  const columns = taps(region.left, region.width, width, picture.width);
  const rows = taps(region.top, region.height, height, picture.height);
  const bytes = new Uint8Array(height * width * 3);
  // First along the needed rows, then across them.
  const lines = new Map();
  const lineOf = (y) => {
    if (!lines.has(y)) lines.set(y, scaledLine(picture, y, columns));
    return lines.get(y);
  };
  for (const [y, row] of rows.entries()) {
    const sums = new Float64Array(width * 3);
    for (const { index, weight } of row) {
      const line = lineOf(index);
      for (let i = 0; i < sums.length; i++) sums[i] += weight * line[i];
    }
    bytes.set(
      sums.map((sum) => Math.round(sum)),
      y * width * 3,
    );
  }
  return bytes;
}

function scaledLine({ data, width }, y, columns) {
  const line = new Float64Array(columns.length * 3);
  for (const [x, column] of columns.entries()) {
    for (const { index, weight } of column) {
      const at = 4 * (y * width + index);
      for (let c = 0; c < 3; c++) line[3 * x + c] += weight * data[at + c];
    }
  }
  return line;
}

/** For each of `count` places along a side: the pixels that contribute, and their weights. */
function taps(start, length, count, side) {
  const scale = length / count;
  const support = Math.max(1, scale);
  return Array.from({ length: count }, (_, place) => {
    const centre = start + (place + 0.5) * scale;
    const [first, last] = [Math.floor(centre - support), Math.ceil(centre + support)];
    const found = [];
    for (let index = Math.max(0, first); index < Math.min(side, last + 1); index++) {
      const weight = Math.max(0, 1 - Math.abs(index + 0.5 - centre) / support);
      if (weight > 0) found.push({ index, weight });
    }
    const sum = found.reduce((total, { weight }) => total + weight, 0);
    return found.map(({ index, weight }) => ({ index, weight: weight / sum }));
  });
}
