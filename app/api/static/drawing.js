// Draws a photo with its instances: on the screen, where only what has changed is done anew, and
// whole, at the photo's own size, for saving.
//
// `unit` is how many canvas pixels a line of one pixel takes.

/** @import { Layers } from "./filter.js" */
/** @import { Frame } from "./masks.js" */
/** @import { Size } from "./photos.js" */
/** @import { Instance } from "./server.js" */

import { contextOf } from "./canvas.js";
import { colour } from "./colours.js";
import { Surface, paintMasks, singleOut } from "./layer.js";
import { drawMarks } from "./marks.js";

/**
 * @typedef {object} Scene
 * @property {HTMLCanvasElement | ImageBitmap | null} source The photo, maybe smaller than it is.
 * @property {Size} size The photo's own.
 * @property {Instance[]} instances
 * @property {number[]} indices Of the instances that are shown.
 * @property {number | null} lit The index of the one that is singled out.
 * @property {Layers} layers
 */

const VEIL = "rgb(8 12 16 / .5)";
const NO_PHOTO = "#5a6570";
// On a coarse screen masks are painted finer and scaled down, up to this many pixels.
const LAYER_PIXELS = 8e6;
const BAND_HEIGHT = 512;
// From so many canvas pixels a photo pixel on, each is a square of its own: a blur hides what a
// model of small pictures gets.
const CRISP_SCALE = 6;

export class Drawing {
  #ground = new Surface();
  #masks = new Surface();
  #dimmed = new Surface();
  #single = { inside: new Surface(), edge: new Surface() };
  /** @type {Record<string, unknown[]>} */
  #done = {};

  /**
   * Draw the part of a scene that `frame` tells onto a canvas of the frame's size.
   * @param {HTMLCanvasElement} canvas
   * @param {Scene} scene
   * @param {Frame} frame
   * @param {number} unit
   */
  draw(canvas, scene, frame, unit) {
    this.drawPixels(canvas, scene, frame, unit);
    drawMarks(contextOf(canvas), scene, frame, unit);
  }

  /**
   * Draw photo and masks alone.
   * @param {HTMLCanvasElement} canvas
   * @param {Scene} scene
   * @param {Frame} frame
   * @param {number} unit
   */
  drawPixels(canvas, scene, frame, unit) {
    if (canvas.width !== frame.width) canvas.width = frame.width;
    if (canvas.height !== frame.height) canvas.height = frame.height;
    const context = contextOf(canvas);
    if (scene.lit === null) {
      this.#drawAll(context, scene, frame, unit);
    } else {
      context.drawImage(this.#dimmedOf(scene, frame, unit), 0, 0);
      this.#drawLit(context, scene, frame, unit, scene.lit);
    }
  }

  /** Give back what is remembered of a photo. */
  forget() {
    this.#done = {};
    const { inside, edge } = this.#single;
    const all = [this.#ground, this.#masks, this.#dimmed, inside, edge];
    for (const surface of all) surface.clear();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Scene} scene
   * @param {Frame} frame
   * @param {number} unit
   */
  #drawAll(context, scene, frame, unit, alpha = 1) {
    context.drawImage(this.#groundOf(scene, frame), 0, 0);
    if (!scene.layers.masks) return;
    context.globalAlpha = alpha;
    context.drawImage(this.#masksOf(scene, frame, unit), 0, 0, frame.width, frame.height);
    context.globalAlpha = 1;
  }

  /**
   * What lies around the one that is singled out: the same whichever it is.
   * @param {Scene} scene
   * @param {Frame} frame
   * @param {number} unit
   */
  #dimmedOf(scene, frame, unit) {
    const { source, instances, indices, layers } = scene;
    const shown = layers.masks ? indices.join() : null;
    const key = [source, instances, shown, ...Object.values(frame)];
    return this.#once("dimmed", key, this.#dimmed, () => {
      const context = this.#dimmed.size(frame.width, frame.height);
      this.#drawAll(context, scene, frame, unit, 0.3);
      context.fillStyle = VEIL;
      context.fillRect(0, 0, frame.width, frame.height);
    });
  }

  /** @param {Scene} scene @param {Frame} frame */
  #groundOf({ source, size }, frame) {
    const { x, y, scale, width, height } = frame;
    return this.#once("ground", [source, x, y, scale, width, height], this.#ground, () => {
      const context = this.#ground.size(width, height);
      context.fillStyle = NO_PHOTO;
      context.fillRect(0, 0, width, height);
      if (!source) return;
      // The source may be smaller than the photo that it stands for.
      const across = source.width / size.width;
      const down = source.height / size.height;
      context.imageSmoothingQuality = "high";
      context.imageSmoothingEnabled = across < 1 || scale < CRISP_SCALE;
      context.drawImage(
        source,
        x * across,
        y * down,
        (width / scale) * across,
        (height / scale) * down,
        0,
        0,
        width,
        height,
      );
    });
  }

  /** @param {Scene} scene @param {Frame} frame @param {number} unit */
  #masksOf({ instances, indices }, frame, unit) {
    const fine = finer(frame, unit);
    const key = [instances, indices.join(), ...Object.values(fine)];
    return this.#once("masks", key, this.#masks, () => {
      const pixels = this.#masks.pixels(fine.width, fine.height);
      // The smallest last: it is seen where instances overlap, and found there.
      const ordered = [...indices].sort((a, b) => instances[b].area - instances[a].area || b - a);
      const painted = ordered.map((index) => painting(instances, index));
      paintMasks(pixels, painted, fine, outlineOf(fine, frame, unit));
      this.#masks.put();
    });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Scene} scene
   * @param {Frame} frame
   * @param {number} unit
   * @param {number} lit
   */
  #drawLit(context, scene, frame, unit, lit) {
    const fine = finer(frame, unit);
    const outline = outlineOf(fine, frame, unit * 1.4);
    const single = singleOut(this.#single, painting(scene.instances, lit), fine, outline);
    if (!single) return;
    const ratio = fine.scale / frame.scale;
    const [x, y] = [single.left / ratio, single.top / ratio];
    const [w, h] = [single.width / ratio, single.height / ratio];
    const ground = this.#groundOf(scene, frame);
    const inside = contextOf(single.inside);
    inside.globalCompositeOperation = "source-in";
    inside.drawImage(ground, x, y, w, h, 0, 0, single.width, single.height);
    inside.globalCompositeOperation = "source-over";
    context.drawImage(single.inside, x, y, w, h);
    context.drawImage(single.edge, x, y, w, h);
  }

  /**
   * Return the surface's canvas; `draw` it only when its key is another than the last time.
   * @param {string} name
   * @param {unknown[]} key
   * @param {Surface} surface
   * @param {() => void} draw
   */
  #once(name, key, surface, draw) {
    const last = this.#done[name];
    if (!last || key.some((part, at) => part !== last[at])) {
      draw();
      this.#done[name] = key;
    }
    return surface.canvas;
  }
}

/**
 * A new canvas with the whole scene, `scale` times the photo's size. It is made band by band, so
 * that a large photo needs one canvas of its size and no more. Raises `CanvasRefused`.
 * @param {Scene} scene
 * @param {number} scale
 * @param {number} unit
 */
export function drawWhole(scene, scale, unit) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(scene.size.width * scale));
  canvas.height = Math.max(1, Math.round(scene.size.height * scale));
  const context = contextOf(canvas);
  const band = document.createElement("canvas");
  const drawing = new Drawing();
  const whole = { x: 0, y: 0, scale, width: canvas.width, height: canvas.height };
  for (let top = 0; top < canvas.height; top += BAND_HEIGHT) {
    const height = Math.min(BAND_HEIGHT, canvas.height - top);
    const frame = { ...whole, y: top / scale, height };
    drawing.drawPixels(band, scene, frame, unit);
    context.drawImage(band, 0, top);
  }
  drawMarks(context, scene, whole, unit);
  drawing.forget();
  return canvas;
}

/** @param {Instance[]} instances @param {number} index */
function painting(instances, index) {
  return { instance: instances[index], colour: colour(index) };
}

/**
 * The frame at which masks are painted: finer where the screen is coarse.
 * @param {Frame} frame
 * @param {number} unit
 */
function finer(frame, unit) {
  const wanted = Math.max(1, 2 / unit);
  const ratio = Math.min(wanted, Math.sqrt(LAYER_PIXELS / (frame.width * frame.height)));
  if (ratio <= 1) return frame;
  return {
    x: frame.x,
    y: frame.y,
    scale: frame.scale * ratio,
    width: Math.round(frame.width * ratio),
    height: Math.round(frame.height * ratio),
  };
}

/** @param {Frame} fine @param {Frame} frame @param {number} unit */
function outlineOf(fine, frame, unit) {
  return Math.max(1, Math.round((1.5 * unit * fine.scale) / frame.scale));
}
