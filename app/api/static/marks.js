// Boxes and labels: crisp lines and text over the pixels of photo and masks.

/** @import { Colour } from "./colours.js" */
/** @import { Scene } from "./drawing.js" */
/** @import { Frame } from "./masks.js" */
/** @import { Instance } from "./server.js" */

import { colour, css, ink } from "./colours.js";

/** @typedef {{ left: number, top: number, width: number, height: number }} Place On a canvas. */

const TEXT_PX = 11.5;
const LIT_TEXT_PX = 13;
const SMALLEST_LABELLED_PX = 14;

/**
 * Draw the boxes and labels of a scene.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Frame} frame
 * @param {number} unit
 */
export function drawMarks(context, { instances, indices, lit, layers }, frame, unit) {
  const place = (/** @type {number} */ index) => placeOf(instances[index].box, frame);
  if (layers.boxes) {
    for (const index of indices) {
      context.globalAlpha = lit === null || index === lit ? 1 : 0.2;
      drawBox(context, place(index), css(colour(index)), unit);
    }
    context.globalAlpha = 1;
  }
  if (lit !== null) {
    drawLabel(context, label(instances, lit, LIT_TEXT_PX * unit), place(lit), frame, []);
  } else if (layers.labels) {
    /** @type {Place[]} */
    const taken = [];
    // The surest first: where there is no room left, the others go without.
    for (const index of indices) {
      const at = place(index);
      if (Math.max(at.width, at.height) < SMALLEST_LABELLED_PX * unit) continue;
      drawLabel(context, label(instances, index, TEXT_PX * unit), at, frame, taken);
    }
  }
}

/**
 * @param {contract.Box} box
 * @param {Frame} frame
 * @returns {Place}
 */
function placeOf({ x_min, y_min, x_max, y_max }, { x, y, scale }) {
  return {
    left: (x_min - x) * scale,
    top: (y_min - y) * scale,
    width: (x_max - x_min) * scale,
    height: (y_max - y_min) * scale,
  };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {string} stroke
 * @param {number} unit
 */
function drawBox(context, { left, top, width, height }, stroke, unit) {
  const thickness = 1.5 * unit;
  context.lineWidth = thickness;
  context.strokeStyle = stroke;
  context.strokeRect(
    left + thickness / 2,
    top + thickness / 2,
    Math.max(1, width - thickness),
    Math.max(1, height - thickness),
  );
}

/** @param {Instance[]} instances @param {number} index @param {number} size */
function label(instances, index, size) {
  const { label, score } = instances[index];
  return { text: `${label} ${score.toFixed(2)}`, size, colour: colour(index) };
}

/**
 * Draw a label where none of `taken` is, and add its place; leave it out where all is taken.
 * @param {CanvasRenderingContext2D} context
 * @param {{ text: string, size: number, colour: Colour }} label
 * @param {Place} box
 * @param {Frame} frame
 * @param {Place[]} taken
 */
function drawLabel(context, { text, size, colour }, box, frame, taken) {
  const isInView =
    box.left < frame.width && box.top < frame.height && box.left + box.width > 0 &&
    box.top + box.height > 0;
  if (!isInView) return;
  context.font = `600 ${size}px system-ui, sans-serif`;
  const width = context.measureText(text).width + size * 0.8;
  const height = size * 1.45;
  const left = Math.max(0, Math.min(box.left, frame.width - width));
  const tops = [box.top - height, box.top, box.top + box.height];
  const top = tops
    .map((y) => Math.max(0, Math.min(y, frame.height - height)))
    .find((y) => !taken.some((other) => overlaps(other, { left, top: y, width, height })));
  if (top === undefined) return;
  taken.push({ left, top, width, height });
  context.fillStyle = css(colour);
  context.beginPath();
  context.roundRect(left, top, width, height, size * 0.25);
  context.fill();
  context.fillStyle = ink(colour);
  context.textBaseline = "middle";
  context.fillText(text, left + size * 0.4, top + height * 0.53);
}

/** @param {Place} a @param {Place} b */
function overlaps(a, b) {
  return (
    a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height &&
    b.top < a.top + a.height
  );
}
