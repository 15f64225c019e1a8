// What pointer, wheel and keys mean on the picture: point, single out, come closer, push.

/** @import { Place } from "./view.js" */

/**
 * What a person does on the picture. A place is in CSS pixels from the canvas's middle; `point`
 * gets null when the pointer leaves.
 * @typedef {object} Acts
 * @property {(place: Place | null) => void} point
 * @property {(place: Place) => void} press
 * @property {(factor: number, place?: Place) => void} zoom
 * @property {(x: number, y: number) => void} push
 * @property {() => void} whole
 * @property {(by: number) => void} step
 * @property {() => boolean} isWhole
 */

const SLACK_PX = 6; // A press that moves less is no push.
const KEY_PUSH_PX = 60;
const KEY_ZOOM = 1.5;
/** @type {Partial<Record<string, number>>} */
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** @param {HTMLCanvasElement} canvas @param {Acts} on */
export function listenToPointers(canvas, on) {
  /** @type {Map<number, Place>} */
  const down = new Map(); // Pointer id: its last place.
  let pushed = 0; // How far this press has moved.

  const placeOf = (/** @type {MouseEvent} */ event) => {
    const frame = canvas.getBoundingClientRect();
    return {
      x: event.clientX - frame.left - frame.width / 2,
      y: event.clientY - frame.top - frame.height / 2,
    };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!down.size) pushed = 0;
    down.set(event.pointerId, placeOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = down.get(event.pointerId);
    const place = placeOf(event);
    if (!last) {
      if (event.pointerType !== "touch") on.point(place);
      return;
    }
    const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    pushed += distance(last, place);
    down.set(event.pointerId, place);
    if (other) {
      const middle = { x: (place.x + other.x) / 2, y: (place.y + other.y) / 2 };
      on.zoom(distance(place, other) / Math.max(1, distance(last, other)), middle);
      on.push((place.x - last.x) / 2, (place.y - last.y) / 2);
    } else if (pushed > SLACK_PX && !on.isWhole()) {
      canvas.setPointerCapture(event.pointerId);
      on.push(place.x - last.x, place.y - last.y);
    }
  });
  const lift = (/** @type {PointerEvent} */ event) => down.delete(event.pointerId);
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") on.point(null);
    down.delete(event.pointerId);
  });
  canvas.addEventListener("click", (event) => {
    if (pushed <= SLACK_PX) on.press(placeOf(event));
  });
  canvas.addEventListener("dblclick", (event) => {
    if (on.isWhole()) on.zoom(2, placeOf(event));
    else on.whole();
  });
  // A plain wheel scrolls the page; with Ctrl, which is a pinch on a touchpad, it zooms.
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      on.zoom(Math.exp(-event.deltaY / 120), placeOf(event));
    },
    { passive: false },
  );
}

/**
 * Listen to the keys of a canvas that has the focus.
 * @param {HTMLCanvasElement} canvas
 * @param {Acts} on
 */
export function listenToKeys(canvas, on) {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!act(event, on)) return;
    event.preventDefault();
  });
}

/** @param {KeyboardEvent} event @param {Acts} on */
function act({ key, shiftKey }, on) {
  const step = STEPS[key];
  if (step !== undefined && shiftKey) {
    const isAcross = key === "ArrowLeft" || key === "ArrowRight";
    on.push(isAcross ? -step * KEY_PUSH_PX : 0, isAcross ? 0 : -step * KEY_PUSH_PX);
  } else if (step !== undefined) on.step(step);
  else if (key === "Home") on.step(-Infinity);
  else if (key === "End") on.step(Infinity);
  else if (key === "+" || key === "=") on.zoom(KEY_ZOOM);
  else if (key === "-") on.zoom(1 / KEY_ZOOM);
  else if (key === "0") on.whole();
  else return false;
  return true;
}

/** @param {Place} a @param {Place} b */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
