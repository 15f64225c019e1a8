// Which part of the photo the picture shows: all of it, or closer. In CSS pixels and photo pixels.

const LARGEST_FIT = 3; // A small photo is enlarged this far at most.
const CLOSEST = 4; // CSS pixels a photo pixel, at least this many times the whole:
const CLOSER = 4;

export class View {
  #size = { width: 1, height: 1 };
  width = 1;
  height = 1;
  zoom = 1;
  #x = 0;
  #y = 0;

  /** Place a photo of a size into a room; another photo is shown whole. */
  place(size, room) {
    if (size.width !== this.#size.width || size.height !== this.#size.height) this.reset();
    this.#size = size;
    const fit = Math.min(room.width / size.width, room.height / size.height, LARGEST_FIT);
    this.width = Math.max(1, Math.round(size.width * fit));
    this.height = Math.max(1, Math.round(size.height * fit));
    this.#clamp();
  }

  reset() {
    this.zoom = 1;
    this.#x = this.#y = 0;
  }

  get isWhole() {
    return this.zoom === 1;
  }

  get mostZoom() {
    return Math.max(CLOSER, CLOSEST / (this.width / this.#size.width));
  }

  /** CSS pixels a photo pixel. */
  get scale() {
    return (this.width / this.#size.width) * this.zoom;
  }

  /** What a canvas with `density` pixels a CSS pixel shows. */
  frame(density) {
    const width = Math.round(this.width * density);
    const height = Math.round(this.height * density);
    const scale = (width / this.#size.width) * this.zoom;
    return { x: this.#x, y: this.#y, scale, width, height };
  }

  /** The photo's pixel under a point of the picture. */
  pixelAt(left, top) {
    const clamp = (value, size) => Math.max(0, Math.min(size - 1, Math.floor(value)));
    return {
      x: clamp(this.#x + left / this.scale, this.#size.width),
      y: clamp(this.#y + top / this.scale, this.#size.height),
    };
  }

  /** Come closer by a factor; the point of the picture stays where it is. */
  zoomBy(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = [this.#x + left / this.scale, this.#y + top / this.scale];
    const zoom = Math.max(1, Math.min(this.mostZoom, this.zoom * factor));
    this.zoom = Math.abs(zoom - 1) < 0.02 ? 1 : zoom;
    this.#x = x - left / this.scale;
    this.#y = y - top / this.scale;
    this.#clamp();
  }

  /** Push the photo by so many CSS pixels. */
  panBy(left, top) {
    this.#x -= left / this.scale;
    this.#y -= top / this.scale;
    this.#clamp();
  }

  /** Push the photo so far that a box of it is in sight, where it is not. */
  reveal({ x_min, y_min, x_max, y_max }) {
    const [across, down] = [this.width / this.scale, this.height / this.scale];
    const outside = (low, high, start, room) => high <= start || low >= start + room;
    if (outside(x_min, x_max, this.#x, across)) this.#x = (x_min + x_max - across) / 2;
    if (outside(y_min, y_max, this.#y, down)) this.#y = (y_min + y_max - down) / 2;
    this.#clamp();
  }

  #clamp() {
    const across = this.#size.width - this.width / this.scale;
    const down = this.#size.height - this.height / this.scale;
    this.#x = Math.max(0, Math.min(across, this.#x));
    this.#y = Math.max(0, Math.min(down, this.#y));
  }
}
