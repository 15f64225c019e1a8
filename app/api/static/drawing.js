// Draws a photo with its instances at the size of its place, and finds what is under a point.

import { maskInBox, tinted } from "./masks.js";

// Together the masks may take this many pixels; many large ones are drawn coarser.
const MASK_PIXELS = 24e6;
const LARGEST_ENLARGEMENT = 3;
const SMALLEST_LABELLED_PX = 14;

/** The colour of the instance at `index`: neighbours in the list are far apart on the wheel. */
export function colour(index) {
  const hue = (index * 137.508 + 195) % 360;
  const lightness = index % 2 ? 0.62 : 0.52;
  const spread = 0.8 * Math.min(lightness, 1 - lightness);
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - spread * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

export function css([red, green, blue], alpha = 1) {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

export class Drawing {
  /** `photo` is anything that a canvas can draw, or null where the browser cannot decode it. */
  constructor(canvas, photo, prediction) {
    this.canvas = canvas;
    this.photo = photo;
    this.prediction = prediction;
    this.masks = new Map();
    this.maskScale = 0;
  }

  /** Draw the instances at `indices`; the one at `lit` stands out. */
  draw({ indices, lit, layers }) {
    const { width, height } = this.prediction.image;
    const scale = this.#fit(width, height);
    const context = this.canvas.getContext("2d");
    this.#drawPhoto(context);
    const ordered = [...indices].sort((a, b) => (a === lit) - (b === lit));
    for (const index of ordered) {
      context.globalAlpha = lit === null || lit === index ? 1 : 0.25;
      if (layers.masks) this.#drawMask(context, index, scale);
      if (layers.boxes || index === lit) this.#drawBox(context, index, scale);
    }
    context.globalAlpha = 1;
    // Best last: where labels overlap, the surer one can be read.
    for (const index of ordered.reverse()) {
      const isLit = index === lit;
      if (isLit || (layers.labels && lit === null)) this.#drawLabel(context, index, scale, isLit);
    }
  }

  /** The index, among `indices`, of the smallest instance under a point of the page, or null. */
  at(clientX, clientY, indices) {
    const frame = this.canvas.getBoundingClientRect();
    const x = ((clientX - frame.left) / frame.width) * this.prediction.image.width;
    const y = ((clientY - frame.top) / frame.height) * this.prediction.image.height;
    let found = null;
    for (const index of indices) {
      const { box, area } = this.prediction.instances[index];
      if (x < box.x_min || x >= box.x_max || y < box.y_min || y >= box.y_max) continue;
      const { bits, width, height } = this.#mask(index).bitmap;
      const column = Math.floor(((x - box.x_min) / (box.x_max - box.x_min)) * width);
      const row = Math.floor(((y - box.y_min) / (box.y_max - box.y_min)) * height);
      const isSmaller = found === null || area < this.prediction.instances[found].area;
      if (bits[row * width + column] && isSmaller) found = index;
    }
    return found;
  }

  /** Size the canvas for its place and the screen's pixels; return canvas pixels a photo pixel. */
  #fit(width, height) {
    const board = this.canvas.parentElement;
    const room = { width: board.clientWidth, height: Math.max(320, window.innerHeight * 0.72) };
    const shown = Math.min(room.width / width, room.height / height, LARGEST_ENLARGEMENT);
    const density = Math.min(window.devicePixelRatio || 1, 3);
    this.canvas.style.width = `${Math.round(width * shown)}px`;
    this.canvas.style.height = `${Math.round(height * shown)}px`;
    this.canvas.width = Math.round(width * shown * density);
    this.canvas.height = Math.round(height * shown * density);
    this.density = density;
    const scale = this.canvas.width / width;
    this.#chooseMaskScale(scale);
    return scale;
  }

  #chooseMaskScale(scale) {
    const areas = this.prediction.instances.map(
      ({ box }) => (box.x_max - box.x_min) * (box.y_max - box.y_min),
    );
    const total = areas.reduce((sum, area) => sum + area, 1);
    const maskScale = Math.min(scale, Math.sqrt(MASK_PIXELS / total));
    if (Math.abs(maskScale / this.maskScale - 1) > 0.02) {
      this.maskScale = maskScale;
      this.masks.clear();
    }
  }

  #mask(index) {
    if (!this.masks.has(index)) {
      const { mask, box } = this.prediction.instances[index];
      const bitmap = maskInBox(mask, box, this.maskScale);
      const outline = Math.max(1, Math.round(1.5 * this.density));
      this.masks.set(index, { bitmap, canvas: tinted(bitmap, colour(index), outline) });
    }
    return this.masks.get(index);
  }

  #drawPhoto(context) {
    const { width, height } = this.canvas;
    context.imageSmoothingQuality = "high";
    if (this.photo) {
      context.drawImage(this.photo, 0, 0, width, height);
    } else {
      context.fillStyle = "#5a6570";
      context.fillRect(0, 0, width, height);
    }
  }

  #drawMask(context, index, scale) {
    const { box } = this.prediction.instances[index];
    const [x, y] = [box.x_min * scale, box.y_min * scale];
    const width = (box.x_max - box.x_min) * scale;
    const height = (box.y_max - box.y_min) * scale;
    context.drawImage(this.#mask(index).canvas, x, y, width, height);
  }

  #drawBox(context, index, scale) {
    const { box } = this.prediction.instances[index];
    const thickness = 1.5 * this.density;
    context.lineWidth = thickness;
    context.strokeStyle = css(colour(index));
    context.strokeRect(
      box.x_min * scale + thickness / 2,
      box.y_min * scale + thickness / 2,
      Math.max(1, (box.x_max - box.x_min) * scale - thickness),
      Math.max(1, (box.y_max - box.y_min) * scale - thickness),
    );
  }

  #drawLabel(context, index, scale, isLit) {
    const { box, label, score } = this.prediction.instances[index];
    const shown = Math.max(box.x_max - box.x_min, box.y_max - box.y_min) * scale;
    if (!isLit && shown < SMALLEST_LABELLED_PX * this.density) return;
    const size = (isLit ? 13 : 11.5) * this.density;
    context.font = `600 ${size}px system-ui, sans-serif`;
    const text = `${label} ${score.toFixed(2)}`;
    const width = context.measureText(text).width + size * 0.8;
    const height = size * 1.45;
    const x = Math.max(0, Math.min(box.x_min * scale, this.canvas.width - width));
    const above = box.y_min * scale - height;
    const y = above >= 0 ? above : Math.min(box.y_min * scale, this.canvas.height - height);
    const [red, green, blue] = colour(index);
    context.fillStyle = css([red, green, blue], 0.94);
    context.beginPath();
    context.roundRect(x, y, width, height, 3 * this.density);
    context.fill();
    context.fillStyle = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#10161b" : "#fff";
    context.textBaseline = "middle";
    context.fillText(text, x + size * 0.4, y + height * 0.53);
  }
}
