// The large picture: the photo that is looked at with what was found, or what becomes of it.

/** @import { Scene } from "./drawing.js" */
/** @import { Acts as Gestures } from "./gestures.js" */
/** @import { Photo } from "./photos.js" */
/** @import { Problem } from "./server.js" */
/** @import { Place } from "./view.js" */

import { Drawing } from "./drawing.js";
import { element } from "./elements.js";
import { listenToKeys, listenToPointers } from "./gestures.js";
import { maskOf } from "./masks.js";
import { busyText, showProgress } from "./progress.js";
import { View } from "./view.js";
import { sentence } from "./words.js";

/** @typedef {Pick<Scene, "instances" | "indices" | "lit" | "layers">} Marks Over the photo. */

/**
 * What a person does on the board; an index is null where there is no instance.
 * @typedef {object} Acts
 * @property {(index: number | null) => void} point
 * @property {(index: number | null) => void} press
 * @property {(by: number) => void} step
 * @property {() => void} retry
 * @property {() => void} remove
 */

const NARROW = window.matchMedia("(max-width: 860px)");
const NARROW_SHARE = 0.58; // Of a phone's height.
const NARROW_LEAST_PX = 240;
const MOST_DENSITY = 3;
const BUTTON_ZOOM = 1.6;

export class Board {
  #board = element("board");
  #canvas = element("canvas");
  #drawing = new Drawing();
  #view = new View();
  /** @type {Photo | null} */
  #photo = null;
  /** @type {Scene | null} */
  #scene = null;
  #isDue = false;

  /** @param {Acts} on */
  constructor(on) {
    /** @type {Gestures} */
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

  /**
   * Show a photo, null for none, with what `pixels` the browser has of it, and say what it shows.
   * @param {Photo | null} photo
   * @param {Scene["source"]} pixels
   * @param {Marks} marks
   * @param {string} text
   */
  show(photo, pixels, marks, text) {
    if (photo !== this.#photo) {
      this.#view.reset();
      this.#drawing.forget();
    }
    this.#photo = photo;
    const size = photo?.answer?.prediction.image ?? photo?.size;
    this.#scene = size ? { source: pixels, size, ...marks } : null;
    this.#canvas.setAttribute("aria-label", text);
    this.#tell();
    this.#plan();
  }

  /** What is shown. */
  get scene() {
    return this.#scene;
  }

  /**
   * Bring an instance into sight where the picture is zoomed.
   * @param {number} index
   */
  reveal(index) {
    this.#look(({ instances }) => this.#view.reveal(instances[index].box));
  }

  /** @param {Place} place */
  #instanceAt(place) {
    if (!this.#scene) return null;
    const { x, y } = this.#view.pixelAt(place);
    const { instances, indices } = this.#scene;
    /** @type {number | null} */
    let found = null;
    for (const index of indices) {
      const { box, area } = instances[index];
      if (x < box.x_min || x >= box.x_max || y < box.y_min || y >= box.y_max) continue;
      if (found !== null && area >= instances[found].area) continue;
      if (maskOf(instances[index]).has(x, y)) found = index;
    }
    return found;
  }

  /** @param {(scene: Scene) => void} change */
  #look(change) {
    if (!this.#scene) return;
    change(this.#scene);
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
    const problem = photo?.problem;
    const view = viewOf(photo);
    this.#board.dataset.view = view;
    this.#board.setAttribute("aria-busy", String(view === "busy"));
    this.#canvas.hidden = !this.#scene;
    if (photo && view === "busy") tellProgress(photo);
    if (photo && problem) tellFailure(photo.name, problem);
  }
}

/**
 * Unlike `disabled`, this does not take the focus away from who has just pressed it.
 * @param {keyof Elements} id
 * @param {boolean} isDisabled
 */
function disable(id, isDisabled) {
  element(id).setAttribute("aria-disabled", String(isDisabled));
}

/** @param {Photo | null} photo */
function viewOf(photo) {
  if (!photo) return "empty";
  if (photo.state === "failed") return "failed";
  return photo.state === "done" ? "result" : "busy";
}

/** @param {Photo} photo */
function tellProgress(photo) {
  element("busy-text").textContent = busyText(photo);
  showProgress(element("busy-progress"), photo);
}

/** @param {string} name @param {Problem} problem */
function tellFailure(name, problem) {
  element("failure-title").textContent = `${name}: ${problem.title}`;
  element("failure-detail").textContent = problem.detail ? sentence(problem.detail) : "";
  element("failure-id").textContent = problem.request;
  element("failure-retry").hidden = !problem.isPassing;
}
