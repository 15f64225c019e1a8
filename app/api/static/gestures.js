// What pointer, wheel and keys mean on the picture: point, single out, come closer, push.

const SLACK_PX = 6; // A press that moves less is no push.
const KEY_PUSH_PX = 60;
const KEY_ZOOM = 1.5;
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/**
 * Listen on a canvas. `on` has `point(place)`, null when the pointer leaves; `press(place)`;
 * `zoom(factor, place)`, `push(x, y)`, `whole()`; `step(by)`; and `isWhole()`. A place is `{x, y}`
 * in CSS pixels from the canvas's middle.
 */
export function listenToPointers(canvas, on) {
  const down = new Map(); // Pointer id: its last place.
  let pushed = 0; // How far this press has moved.

  const placeOf = (event) => {
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
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, (event) => down.delete(event.pointerId));
  }
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

/** Listen to the keys of a canvas that has the focus; `on` as above. */
export function listenToKeys(canvas, on) {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!act(event, on)) return;
    event.preventDefault();
  });
}

function act({ key, shiftKey }, on) {
  if (shiftKey && key.startsWith("Arrow")) {
    const horizontal = key === "ArrowLeft" || key === "ArrowRight";
    const by = -Math.sign(STEPS[key]) * KEY_PUSH_PX;
    on.push(horizontal ? by : 0, horizontal ? 0 : by);
  } else if (STEPS[key]) on.step(STEPS[key]);
  else if (key === "Home") on.step(-Infinity);
  else if (key === "End") on.step(Infinity);
  else if (key === "+" || key === "=") on.zoom(KEY_ZOOM);
  else if (key === "-") on.zoom(1 / KEY_ZOOM);
  else if (key === "0") on.whole();
  else return false;
  return true;
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
