// What a canvas is drawn with. Browsers refuse a canvas that is too large for them.

export class CanvasRefused extends Error {}

/**
 * The context of a canvas; raises `CanvasRefused`.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (context) return context;
  throw new CanvasRefused(`The browser has no canvas of ${canvas.width} × ${canvas.height}`);
}
