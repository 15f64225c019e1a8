// Which part of the photo the picture shows: all of it, or closer. A place is told in CSS pixels
// from the middle of the picture, so that it stays the same place when the picture grows.

/** @import { Frame } from "./masks.js" */
/** @import { Size } from "./photos.js" */

/** @typedef {{ x: number, y: number }} Place */

const LARGEST_FIT = 3; // A small photo is enlarged this far at most,
const LEAST_SIDE_PX = 320; // or until its longer side is as long as this.
const CLOSEST = 4; // CSS pixels a photo pixel, or this many times the whole, whichever is more.
const CLOSER = 4;

export class View {
  #size = { width: 1, height: 1 };
  #room = { width: 1, height: 1 };
  #fit = 1; // CSS pixels a photo pixel where the photo is shown whole.
  #zoom = 1;
  #middle = { x: 0.5, y: 0.5 }; // Of what is shown, in the photo's pixels.

  /**
   * Place a photo of a size into a room; another photo is shown whole. Closer, the picture may take
   * the whole room if it `canGrow`.
   * @param {Size} size
   * @param {Size} room
   * @param {boolean} canGrow
   */
  place(size, room, canGrow) {
    const isOther = size.width !== this.#size.width || size.height !== this.#size.height;
    this.#size = size;
    const largest = Math.max(LARGEST_FIT, LEAST_SIDE_PX / Math.max(size.width, size.height));
    const fit = Math.min(room.width / size.width, room.height / size.height, largest);
    // A whole number of pixels wide.
    this.#fit = Math.max(1, Math.round(size.width * fit)) / size.width;
    this.#room = canGrow ? room : this.#whole;
    if (isOther) this.reset();
    else this.#clamp();
  }

  reset() {
    this.#zoom = 1;
    this.#middle = { x: this.#size.width / 2, y: this.#size.height / 2 };
  }

  get zoom() {
    return this.#zoom;
  }

  get isWhole() {
    return this.#zoom === 1;
  }

  get isClosest() {
    return this.#zoom >= this.#mostZoom;
  }

  get width() {
    return this.#extent("width");
  }

  get height() {
    return this.#extent("height");
  }

  /** CSS pixels a photo pixel. */
  get scale() {
    return this.#fit * this.#zoom;
  }

  /**
   * What a canvas with `density` pixels a CSS pixel shows.
   * @param {number} density
   * @returns {Frame}
   */
  frame(density) {
    return {
      x: this.#middle.x - this.width / this.scale / 2,
      y: this.#middle.y - this.height / this.scale / 2,
      scale: this.scale * density,
      width: Math.round(this.width * density),
      height: Math.round(this.height * density),
    };
  }

  /**
   * The photo's pixel at a place.
   * @param {Place} place
   */
  pixelAt({ x, y }) {
    const { width, height } = this.#size;
    return {
      x: clamped(Math.floor(this.#middle.x + x / this.scale), 0, width - 1),
      y: clamped(Math.floor(this.#middle.y + y / this.scale), 0, height - 1),
    };
  }

  /**
   * Come closer by a factor; what is at the place stays there.
   * @param {number} factor
   * @param {Place} place
   */
  zoomBy(factor, { x, y } = { x: 0, y: 0 }) {
    const before = this.scale;
    const zoom = clamped(this.#zoom * factor, 1, this.#mostZoom);
    this.#zoom = zoom < 1.02 ? 1 : zoom;
    this.#middle.x += x / before - x / this.scale;
    this.#middle.y += y / before - y / this.scale;
    this.#clamp();
  }

  /**
   * Push the photo by so many CSS pixels.
   * @param {number} x
   * @param {number} y
   */
  panBy(x, y) {
    this.#middle.x -= x / this.scale;
    this.#middle.y -= y / this.scale;
    this.#clamp();
  }

  /**
   * Push the photo so far that the middle of a box of it is in sight, where it is not.
   * @param {contract.Box} box
   */
  reveal({ x_min, y_min, x_max, y_max }) {
    const [x, y] = [(x_min + x_max) / 2, (y_min + y_max) / 2];
    if (Math.abs(x - this.#middle.x) > this.width / this.scale / 2) this.#middle.x = x;
    if (Math.abs(y - this.#middle.y) > this.height / this.scale / 2) this.#middle.y = y;
    this.#clamp();
  }

  get #mostZoom() {
    return Math.max(CLOSER, CLOSEST / this.#fit);
  }

  get #whole() {
    const { width, height } = this.#size;
    return { width: width * this.#fit, height: Math.max(1, Math.round(height * this.#fit)) };
  }

  /** @param {keyof Size} side */
  #extent(side) {
    const most = Math.max(this.#room[side], this.#whole[side]);
    const grown = Math.round(this.#size[side] * this.scale);
    return this.isWhole ? this.#whole[side] : Math.min(most, grown);
  }

  #clamp() {
    this.#middle.x = this.#clampedAlong("width", this.#middle.x);
    this.#middle.y = this.#clampedAlong("height", this.#middle.y);
  }

  /** @param {keyof Size} side @param {number} middle */
  #clampedAlong(side, middle) {
    const half = Math.min(this[side] / this.scale, this.#size[side]) / 2;
    return clamped(middle, half, this.#size[side] - half);
  }
}

/** @param {number} value @param {number} low @param {number} high */
function clamped(value, low, high) {
  return Math.max(low, Math.min(high, value));
}
