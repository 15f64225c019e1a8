// The large picture: the photo that is looked at with its instances, or what becomes of it.

import { Drawing } from "./drawing.js";
import { listenToKeys, listenToPointers } from "./gestures.js";
import { maskOf } from "./masks.js";
import { busyText, showProgress } from "./progress.js";
import { View } from "./view.js";
import { plural, sentence, summary } from "./words.js";

const NARROW = window.matchMedia("(max-width: 860px)");
const NARROW_SHARE = 0.58; // Of a phone's height.
const NARROW_LEAST_PX = 240;
const MOST_DENSITY = 3;
const BUTTON_ZOOM = 1.6;

const element = (id) => document.getElementById(id);

export class Board {
  #board = element("board");
  #canvas = element("canvas");
  #drawing = new Drawing();
  #view = new View();
  #photo = null;
  #scene = null;
  #isDue = false;

  /** `on` has `point(index)`, `press(index)`, `step(by)`, `retry()` and `remove()`. */
  constructor(on) {
    const gestures = {
      point: (place) => on.point(place && this.#instanceAt(place)),
      press: (place) => on.press(this.#instanceAt(place)),
      step: on.step,
      isWhole: () => this.#view.isWhole,
      zoom: (factor, place) => this.#look(() => this.#view.zoomBy(factor, place)),
      push: (x, y) => this.#look(() => this.#view.panBy(x, y)),
      whole: () => this.#look(() => this.#view.reset()),
    };
    listenToPointers(this.#canvas, gestures);
    listenToKeys(this.#canvas, gestures);
    element("zoom-in").addEventListener("click", () => gestures.zoom(BUTTON_ZOOM));
    element("zoom-out").addEventListener("click", () => gestures.zoom(1 / BUTTON_ZOOM));
    element("zoom-fit").addEventListener("click", gestures.whole);
    element("failure-retry").addEventListener("click", on.retry);
    element("failure-remove").addEventListener("click", on.remove);
    let width = 0;
    new ResizeObserver(() => {
      if (this.#board.clientWidth !== width) this.#plan();
      width = this.#board.clientWidth;
    }).observe(this.#board);
    window.addEventListener("resize", () => this.#plan());
  }

  /** CSS pixels a photo pixel. */
  get scale() {
    return this.#view.scale;
  }

  /** Show a photo, null for none, with what `pixels` the browser has of it. */
  show(photo, pixels, { indices, lit, layers }) {
    if (photo !== this.#photo) {
      this.#view.reset();
      this.#drawing.forget();
    }
    this.#photo = photo;
    const prediction = photo?.answer?.prediction;
    const size = prediction?.image ?? photo?.size;
    const instances = prediction?.instances ?? [];
    this.#scene = size ? { source: pixels, size, instances, indices, lit, layers } : null;
    this.#tell();
    this.#plan();
  }

  /** What is shown, in the terms of drawing.js. */
  get scene() {
    return this.#scene;
  }

  /** Bring an instance into sight where the picture is zoomed. */
  reveal(index) {
    this.#look(() => this.#view.reveal(this.#scene.instances[index].box));
  }

  #instanceAt(place) {
    if (!this.#photo?.answer) return null;
    const { x, y } = this.#view.pixelAt(place);
    const { instances, indices } = this.#scene;
    let found = null;
    for (const index of indices) {
      const { box, area } = instances[index];
      if (x < box.x_min || x >= box.x_max || y < box.y_min || y >= box.y_max) continue;
      if (found !== null && area >= instances[found].area) continue;
      if (maskOf(instances[index]).has(x, y)) found = index;
    }
    return found;
  }

  #look(change) {
    if (!this.#scene) return;
    change();
    this.#plan();
  }

  /** Draw before the screen is next painted, however often this is called until then. */
  #plan() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #draw() {
    if (!this.#scene) return;
    const { style } = this.#canvas;
    this.#view.place(this.#scene.size, this.#room(), !NARROW.matches);
    style.width = `${this.#view.width}px`;
    style.height = `${this.#view.height}px`;
    this.#canvas.classList.toggle("closer", !this.#view.isWhole);
    element("zoom-level").textContent = `${this.#view.zoom.toFixed(1).replace(".0", "")}×`;
    element("zoom").classList.toggle("whole", this.#view.isWhole);
    disable("zoom-out", this.#view.isWhole);
    disable("zoom-fit", this.#view.isWhole);
    disable("zoom-in", this.#view.isClosest);
    const density = Math.min(window.devicePixelRatio || 1, MOST_DENSITY);
    this.#drawing.draw(this.#canvas, this.#scene, this.#view.frame(density), density);
  }

  #room() {
    const { clientWidth: width, clientHeight } = this.#board;
    if (!NARROW.matches) return { width, height: clientHeight };
    return { width, height: Math.max(NARROW_LEAST_PX, window.innerHeight * NARROW_SHARE) };
  }

  /** Say what becomes of the photo. */
  #tell() {
    const photo = this.#photo;
    const view = viewOf(photo);
    this.#board.dataset.view = view;
    this.#board.setAttribute("aria-busy", String(view === "busy"));
    this.#canvas.hidden = !this.#scene;
    this.#canvas.setAttribute("aria-label", pictureText(photo));
    if (view === "busy") tellProgress(photo);
    if (view === "failed") tellFailure(photo);
  }
}

/** Unlike `disabled`, this does not take the focus away from who has just pressed it. */
function disable(id, isDisabled) {
  element(id).setAttribute("aria-disabled", String(isDisabled));
}

function viewOf(photo) {
  if (!photo) return "empty";
  if (photo.state === "failed") return "failed";
  return photo.state === "done" ? "result" : "busy";
}

function pictureText(photo) {
  const instances = photo?.answer?.prediction.instances;
  if (!instances) return photo?.name ?? "No picture";
  return `${photo.name}: ${plural(instances.length, "instance")}. ${summary(instances)}`;
}

function tellProgress(photo) {
  element("busy-text").textContent = busyText(photo);
  showProgress(element("busy-progress"), photo);
}

function tellFailure({ name, problem }) {
  element("failure-title").textContent = `${name}: ${problem.title}`;
  element("failure-detail").textContent = problem.detail ? sentence(problem.detail) : "";
  const id = problem.members.request_id;
  element("failure-id").textContent = problem.status >= 500 && id ? `Request ${id}` : "";
  element("failure-retry").hidden = !problem.isPassing;
}
