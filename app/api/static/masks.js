// COCO run-length codes become small bitmaps, at the size in which they are drawn.

/**
 * The run lengths in a compressed COCO code: how many pixels are off, on, off … going down each
 * column in turn. Six bits a character; from the third run on a run is told by its difference to
 * the last but one.
 */
export function runLengths(counts) {
  const runs = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0;
    let shift = 0;
    let bits;
    do {
      bits = counts.charCodeAt(at++) - 48;
      value |= (bits & 0x1f) << shift;
      shift += 5;
    } while (bits & 0x20);
    if (bits & 0x10 && shift < 32) value |= -1 << shift;
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/**
 * The mask inside its box as bytes of 0 and 1, `scale` times as large as in the photo:
 * `{bits, width, height}`. A `scale` below 1 looks at some columns only, so that a photo of any
 * size costs what its drawing costs.
 */
export function maskInBox({ size, counts }, box, scale) {
  const [photoHeight] = size;
  const width = Math.max(1, Math.round((box.x_max - box.x_min) * scale));
  const height = Math.max(1, Math.round((box.y_max - box.y_min) * scale));
  const bits = new Uint8Array(width * height);
  const perColumn = (box.x_max - box.x_min) / width;
  const perRow = (box.y_max - box.y_min) / height;

  const fill = (column, start, end) => {
    const first = Math.max(0, Math.ceil((column - box.x_min) / perColumn - 0.5));
    const last = Math.min(width - 1, Math.ceil((column + 1 - box.x_min) / perColumn - 0.5) - 1);
    const top = Math.max(0, Math.ceil((start - box.y_min) / perRow - 0.5));
    const bottom = Math.min(height, Math.ceil((end - box.y_min) / perRow - 0.5));
    for (let x = first; x <= last; x++) {
      for (let y = top; y < bottom; y++) bits[y * width + x] = 1;
    }
  };

  let position = 0;
  runLengths(counts).forEach((length, index) => {
    const end = position + length;
    if (index % 2) {
      // A run may go over the foot of a column to the head of the next.
      while (position < end) {
        const column = Math.floor(position / photoHeight);
        const foot = Math.min(end, (column + 1) * photoHeight);
        fill(column, position - column * photoHeight, foot - column * photoHeight);
        position = foot;
      }
    }
    position = end;
  });
  return { bits, width, height };
}

/** A canvas with the mask in one colour: see-through inside, solid along the outline. */
export function tinted({ bits, width, height }, [red, green, blue], outline) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && bits[y * width + x];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!bits[y * width + x]) continue;
      const isInner =
        inside(x - outline, y) && inside(x + outline, y) &&
        inside(x, y - outline) && inside(x, y + outline);
      const at = 4 * (y * width + x);
      image.data[at] = red;
      image.data[at + 1] = green;
      image.data[at + 2] = blue;
      image.data[at + 3] = isInner ? 105 : 240;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
