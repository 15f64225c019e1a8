// Refuses a picture that the server would refuse for its size, before it is uploaded.

/** @import { Size } from "./photos.js" */

import { Problem } from "./server.js";
import { megabytes, megapixels } from "./words.js";

export class Limits {
  /**
   * @param {DOMStringMap} data The attributes `data-max-bytes` and `data-max-pixels` of the page.
   */
  constructor({ maxBytes, maxPixels }) {
    this.maxBytes = Number(maxBytes) || Infinity;
    this.maxPixels = Number(maxPixels) || Infinity;
  }

  /**
   * The problem that the server would find; `size` is null where the browser knows none.
   * @param {Blob} blob
   * @param {Size | null} size
   */
  refusal(blob, size) {
    if (blob.size > this.maxBytes) {
      return tooLarge(megabytes(blob.size), megabytes(this.maxBytes));
    }
    const pixels = size ? size.width * size.height : 0;
    if (pixels <= this.maxPixels) return null;
    return tooLarge(megapixels(pixels), megapixels(this.maxPixels));
  }
}

/** @param {string} value @param {string} limit */
function tooLarge(value, limit) {
  const detail = `It has ${value}; the server takes at most ${limit}. It was not uploaded.`;
  return new Problem("The picture is too large", detail);
}
