// Refuses a picture that the server would refuse for its size, before it is uploaded.

import { Problem } from "./server.js";
import { megabytes, megapixels } from "./words.js";

export class Limits {
  /** `maxBytes` and `maxPixels` as the page came with them. */
  constructor({ maxBytes, maxPixels }) {
    this.maxBytes = Number(maxBytes) || Infinity;
    this.maxPixels = Number(maxPixels) || Infinity;
  }

  /** The problem that the server would find; `size` is null where the browser knows none. */
  refusal(blob, size) {
    if (blob.size > this.maxBytes) {
      return tooLarge(megabytes(blob.size), megabytes(this.maxBytes));
    }
    const pixels = size ? size.width * size.height : 0;
    if (pixels <= this.maxPixels) return null;
    return tooLarge(megapixels(pixels), megapixels(this.maxPixels));
  }
}

function tooLarge(value, limit) {
  const detail = `It has ${value}; the server takes at most ${limit}. It was not uploaded.`;
  return new Problem("The picture is too large", detail);
}
