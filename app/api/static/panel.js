// Counts, threshold, classes and layers of the instances beside the picture.

/** @import { Filter } from "./filter.js" */
/** @import { Instance } from "./server.js" */

import { element, made } from "./elements.js";
import { LAYERS } from "./filter.js";

/** @typedef {{ field: HTMLLabelElement, box: HTMLInputElement, count: HTMLSpanElement }} Chip */

export class Panel {
  #filter;
  #isMoved = false; // The slider, by a person.
  /** @type {Instance[] | null} */
  #instances = null;
  /** @type {Map<string, Chip>} */
  #chips = new Map(); // By label.

  /** @param {Filter} filter */
  constructor(filter) {
    this.#filter = filter;
    const slider = element("threshold");
    slider.addEventListener("input", () => {
      this.#isMoved = true;
      filter.threshold = Number(slider.value);
    });
    for (const layer of LAYERS) {
      const box = element(`show-${layer}`);
      box.addEventListener("change", () => filter.showLayer(layer, box.checked));
    }
    const everyClass = () => [...this.#chips.keys()];
    element("classes-all").addEventListener("click", () => filter.showClasses(everyClass(), true));
    element("classes-none").addEventListener("click", () => {
      filter.showClasses(everyClass(), false);
    });
  }

  /**
   * Start the slider where the model itself would draw the line, until a person moves it.
   * @param {number | undefined} threshold
   */
  suggest(threshold) {
    if (threshold === undefined || this.#isMoved) return;
    element("threshold").value = String(threshold);
    this.#filter.threshold = Number(element("threshold").value);
  }

  /**
   * Show an answer, null for none, with the instances at `indices`.
   * @param {Instance[] | null} instances
   * @param {number[]} indices
   */
  show(instances, indices) {
    element("threshold-value").textContent = this.#filter.threshold.toFixed(2);
    if (!instances) return;
    if (instances !== this.#instances) {
      this.#instances = instances;
      this.#makeChips(instances);
    }
    for (const { label, count, isShown } of this.#filter.classes(instances)) {
      const chip = this.#chips.get(label);
      if (!chip) continue;
      chip.box.checked = isShown;
      chip.count.textContent = String(count);
      chip.field.classList.toggle("none", !count);
    }
    element("count").textContent = String(indices.length);
    element("count-word").textContent = indices.length === 1 ? "instance" : "instances";
    element("hidden-count").textContent = leftText(instances, this.#filter.left(instances));
  }

  /** @param {Instance[]} instances */
  #makeChips(instances) {
    const classes = this.#filter.classes(instances);
    this.#chips = new Map(classes.map(({ label }) => [label, this.#chip(label)]));
    element("classes-field").hidden = !classes.length;
    element("classes").replaceChildren(...[...this.#chips.values()].map(({ field }) => field));
  }

  /** @param {string} label @returns {Chip} */
  #chip(label) {
    const field = made("label", "chip");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = label;
    box.addEventListener("change", () => this.#filter.showClasses([label], box.checked));
    const count = made("span", "count");
    field.append(box, made("span", "", label), " ", count);
    return { field, box, count };
  }
}

/** @param {Instance[]} instances @param {ReturnType<Filter["left"]>} left */
function leftText(instances, { below, ofHiddenClasses }) {
  if (!instances.length) return "Nothing was found in this picture.";
  const parts = [];
  if (below) parts.push(`${below} more with a lower score`);
  if (ofHiddenClasses) parts.push(`${ofHiddenClasses} of classes not ticked`);
  return parts.join(", ");
}
