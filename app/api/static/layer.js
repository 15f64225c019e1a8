// Pixels of masks: many instances on one layer, or a single one cut out of its photo.

/** @import { Colour } from "./colours.js" */
/** @import { Frame, Raster } from "./masks.js" */
/** @import { Instance } from "./server.js" */

import { contextOf } from "./canvas.js";
import { rasterise } from "./masks.js";

/** @typedef {{ instance: Instance, colour: Colour }} Painting */

const FILL_ALPHA = 105;
const EDGE_ALPHA = 240;

/** A canvas out of sight whose memory is used again and again. */
export class Surface {
  canvas = document.createElement("canvas");
  /** @type {ImageData | null} */
  #image = null;

  /**
   * Return cleared pixels of a size.
   * @param {number} width
   * @param {number} height
   */
  pixels(width, height) {
    if (this.#image?.width === width && this.#image.height === height) {
      this.#image.data.fill(0);
    } else {
      this.#image = this.size(width, height).createImageData(width, height);
    }
    return this.#image;
  }

  /** Put the pixels onto the canvas, and return it. */
  put() {
    if (this.#image) contextOf(this.canvas).putImageData(this.#image, 0, 0);
    return this.canvas;
  }

  /**
   * Make the canvas of a size, and return its context.
   * @param {number} width
   * @param {number} height
   */
  size(width, height) {
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    return contextOf(this.canvas);
  }

  /** Give the memory back. */
  clear() {
    this.#image = null;
    this.canvas.width = this.canvas.height = 0;
  }
}

/**
 * Paint instances over each other into a frame's pixels: see-through, with a solid outline.
 * @param {ImageData} pixels
 * @param {Painting[]} painted
 * @param {Frame} frame
 * @param {number} outline
 */
export function paintMasks(pixels, painted, frame, outline) {
  for (const { instance, colour } of painted) {
    const raster = rasterise(instance, frame, outline);
    if (!raster) continue;
    eachPixel(raster, frame, outline, (x, y, isEdge) => {
      blend(pixels.data, 4 * (y * frame.width + x), colour, isEdge ? EDGE_ALPHA : FILL_ALPHA);
    });
  }
}

/**
 * One instance as two canvases, its inside opaque and its outline in colour, and where they lie in
 * the frame; null where the frame shows none of it.
 * @param {{ inside: Surface, edge: Surface }} surfaces
 * @param {Painting} painting
 * @param {Frame} frame
 * @param {number} outline
 */
export function singleOut(surfaces, { instance, colour }, frame, outline) {
  const raster = rasterise(instance, frame, outline);
  if (!raster) return null;
  const left = Math.max(0, raster.left);
  const top = Math.max(0, raster.top);
  const width = Math.min(frame.width, raster.left + raster.width) - left;
  const height = Math.min(frame.height, raster.top + raster.height) - top;
  if (width <= 0 || height <= 0) return null;
  const inside = surfaces.inside.pixels(width, height);
  const edge = surfaces.edge.pixels(width, height);
  eachPixel(raster, frame, outline, (x, y, isEdge) => {
    const at = 4 * ((y - top) * width + x - left);
    inside.data[at + 3] = 255;
    if (isEdge) blend(edge.data, at, colour, 255);
  });
  return { inside: surfaces.inside.put(), edge: surfaces.edge.put(), left, top, width, height };
}

/**
 * Call `each` for every pixel of the mask that the frame shows.
 * @param {Raster} raster
 * @param {Frame} frame
 * @param {number} outline
 * @param {(x: number, y: number, isEdge: boolean) => void} each
 */
function eachPixel({ bits, left, top, width, height, margin }, frame, outline, each) {
  const stride = height + 2 * margin;
  const across = outline * stride;
  const last = Math.min(left + width, frame.width);
  const foot = Math.min(top + height, frame.height);
  for (let x = Math.max(0, left); x < last; x++) {
    const base = (x - left + margin) * stride + margin - top;
    for (let y = Math.max(0, top); y < foot; y++) {
      const at = base + y;
      if (!bits[at]) continue;
      const isInner =
        bits[at - outline] && bits[at + outline] && bits[at - across] && bits[at + across];
      each(x, y, !isInner);
    }
  }
}

/**
 * Lay a colour over a pixel that may be see-through itself.
 * @param {Uint8ClampedArray} data
 * @param {number} at
 * @param {Colour} colour
 * @param {number} alpha
 */
function blend(data, at, [red, green, blue], alpha) {
  const under = data[at + 3];
  if (!under) {
    data[at] = red;
    data[at + 1] = green;
    data[at + 2] = blue;
    data[at + 3] = alpha;
    return;
  }
  const below = (under * (255 - alpha)) / 255;
  const total = alpha + below;
  data[at] = (red * alpha + data[at] * below) / total;
  data[at + 1] = (green * alpha + data[at + 1] * below) / total;
  data[at + 2] = (blue * alpha + data[at + 2] * below) / total;
  data[at + 3] = total;
}
