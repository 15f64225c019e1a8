// What a person takes away: what is shown, as JSON and as a picture.

/** @import { Scene } from "./drawing.js" */

import { CanvasRefused } from "./canvas.js";
import { drawWhole } from "./drawing.js";
import { stem } from "./words.js";

// Lines and text are as thick on the saved picture as on the screen, but never too thin to read.
const LEAST_UNIT = 0.85;
// Some browsers refuse a canvas of a large photo's size; then it is made smaller by steps.
const SCALES = [1, 0.5, 0.25];
// As long as a browser may take to begin with a download.
const GRACE_MS = 10000;

/**
 * Save what is shown as `/predict` answers.
 * @param {string} name Of the photo, or of the model.
 * @param {object} shown
 */
export function saveJson(name, shown) {
  const text = `${JSON.stringify(shown, null, 2)}\n`;
  download(new Blob([text], { type: "application/json" }), `${stem(name)}.json`);
}

/**
 * Save a scene; return how many times the photo's size it is, 0 if none could be.
 * @param {string} name Of the photo.
 * @param {Scene} scene
 * @param {number} shownScale
 */
export async function saveScene(name, scene, shownScale) {
  for (const scale of SCALES) {
    const blob = await pngOf(scene, scale, Math.max(LEAST_UNIT, scale / shownScale));
    if (blob) {
      download(blob, `${stem(name)}-instances.png`);
      return scale;
    }
  }
  return 0;
}

/**
 * A scene as a file; null where the browser refuses a picture of this size.
 * @param {Scene} scene
 * @param {number} scale
 * @param {number} unit
 * @returns {Promise<Blob | null>}
 */
async function pngOf(scene, scale, unit) {
  try {
    const canvas = drawWhole(scene, scale, unit);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    canvas.width = canvas.height = 0;
    return blob;
  } catch (error) {
    if (error instanceof CanvasRefused) return null;
    throw error;
  }
}

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), GRACE_MS);
}
