// COCO run-length codes: what is under a pixel, and how a mask looks at the size it is drawn in.

/** @import { Instance } from "./server.js" */

/**
 * Which part of a photo a canvas shows: the canvas's pixel (i, j) is the photo's point
 * (x + i / scale, y + j / scale).
 * @typedef {{ x: number, y: number, scale: number, width: number, height: number }} Frame
 */
/**
 * A mask one byte a canvas pixel, column after column, with `margin` empty ones all around.
 * @typedef {object} Raster
 * @property {Uint8Array} bits
 * @property {number} left In canvas pixels, as are the others.
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {number} margin
 */

/**
 * The run lengths in a compressed COCO code: how many pixels are off, on, off … going down each
 * column in turn. Six bits a character; from the third run on a run is told by its difference to
 * the last but one.
 * @param {string} counts
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

/** One instance's mask; it stays run lengths, so that a large photo costs no more memory. */
export class Mask {
  #ends; // Where each run ends; the runs of odd index are on.

  /** @param {contract.RunLengthCode} code */
  constructor({ size, counts }) {
    this.height = size[0];
    let end = 0;
    this.#ends = Uint32Array.from(runLengths(counts), (length) => (end += length));
  }

  /**
   * Whether the photo's pixel is in the mask.
   * @param {number} x
   * @param {number} y
   */
  has(x, y) {
    return this.#runAt(x * this.height + y) % 2 === 1;
  }

  /**
   * Call `each` for every stretch of the mask in one of the photo's columns.
   * @param {number} column
   * @param {(top: number, bottom: number) => void} each
   */
  eachStretch(column, each) {
    const head = column * this.height;
    const foot = head + this.height;
    let run = this.#runAt(head);
    for (let start = head; start < foot && run < this.#ends.length; run++) {
      const end = Math.min(foot, this.#ends[run]);
      if (run % 2) each(start - head, end - head);
      start = end;
    }
  }

  /**
   * The index of the run that holds the pixel at `position`.
   * @param {number} position
   */
  #runAt(position) {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle] > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** @type {WeakMap<Instance, Mask>} */
const parsed = new WeakMap();

/**
 * The mask of an instance of a prediction, read once.
 * @param {Instance} instance
 */
export function maskOf(instance) {
  const mask = parsed.get(instance) ?? new Mask(instance.mask);
  parsed.set(instance, mask);
  return mask;
}

/**
 * The part of an instance's mask that a frame shows; null where it shows none. What the frame cuts
 * off goes on in the margin.
 * @param {Instance} instance
 * @param {Frame} frame
 * @param {number} margin
 * @returns {Raster | null}
 */
export function rasterise(instance, frame, margin) {
  const { box } = instance;
  const mask = maskOf(instance);
  const across = (/** @type {number} */ x) => Math.ceil((x - frame.x) * frame.scale - 0.5);
  const down = (/** @type {number} */ y) => Math.ceil((y - frame.y) * frame.scale - 0.5);
  // However small, an instance has a pixel.
  const left = Math.max(-margin, across(box.x_min));
  const right = Math.min(frame.width + margin, Math.max(across(box.x_max), left + 1));
  const top = Math.max(-margin, down(box.y_min));
  const bottom = Math.min(frame.height + margin, Math.max(down(box.y_max), top + 1));
  if (left >= right || top >= bottom) return null;
  const [width, height] = [right - left, bottom - top];
  const stride = height + 2 * margin;
  const bits = new Uint8Array(stride * (width + 2 * margin));
  for (let i = 0; i < width; i++) {
    const seen = Math.floor(frame.x + (left + i + 0.5) / frame.scale);
    const column = Math.max(box.x_min, Math.min(box.x_max - 1, seen));
    const base = (i + margin) * stride + margin - top;
    mask.eachStretch(column, (from, to) => {
      const start = Math.max(top, down(from));
      const end = Math.min(bottom, Math.max(down(to), start + 1));
      if (start < end) bits.fill(1, base + start, base + end);
    });
  }
  return { bits, left, top, width, height, margin };
}
