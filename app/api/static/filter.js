// Which of the instances are shown: the threshold, the classes and the layers. Tells of a change.

/** @import { Instance } from "./server.js" */

import { Teller } from "./teller.js";

/** @typedef {"masks" | "boxes" | "labels"} Layer */
/** @typedef {Record<Layer, boolean>} Layers Which are on. */

/** @type {Layer[]} */
export const LAYERS = ["masks", "boxes", "labels"];

/** @extends {Teller<{ change: null }>} */
export class Filter extends Teller {
  #threshold = 0.7;
  /** @type {Set<string>} */
  #hidden = new Set(); // Labels; they stay hidden from photo to photo.
  /** @type {Layers} */
  layers = { masks: true, boxes: true, labels: true };

  get threshold() {
    return this.#threshold;
  }

  set threshold(value) {
    this.#threshold = value;
    this.tell("change", null);
  }

  /** @param {Layer} layer @param {boolean} isShown */
  showLayer(layer, isShown) {
    this.layers[layer] = isShown;
    this.tell("change", null);
  }

  /** @param {string[]} labels @param {boolean} isShown */
  showClasses(labels, isShown) {
    for (const label of labels) {
      if (isShown) this.#hidden.delete(label);
      else this.#hidden.add(label);
    }
    this.tell("change", null);
  }

  /**
   * The indices of the instances that are shown.
   * @param {Instance[]} instances
   */
  visible(instances) {
    return [...instances.keys()].filter((index) => {
      const { label, score } = instances[index];
      return score >= this.#threshold && !this.#hidden.has(label);
    });
  }

  /**
   * How many there are beside the visible ones.
   * @param {Instance[]} instances
   */
  left(instances) {
    const sure = instances.filter(({ score }) => score >= this.#threshold);
    return {
      below: instances.length - sure.length,
      ofHiddenClasses: sure.filter(({ label }) => this.#hidden.has(label)).length,
    };
  }

  /**
   * Every class on the photo, the most frequent first, with its count above the threshold.
   * @param {Instance[]} instances
   */
  classes(instances) {
    /** @type {Map<string, { label: string, found: number, count: number }>} */
    const classes = new Map();
    for (const { label, score } of instances) {
      const entry = classes.get(label) ?? { label, found: 0, count: 0 };
      entry.found += 1;
      entry.count += Number(score >= this.#threshold);
      classes.set(label, entry);
    }
    return [...classes.values()]
      .sort((a, b) => b.found - a.found || a.label.localeCompare(b.label))
      .map((entry) => ({ ...entry, isShown: !this.#hidden.has(entry.label) }));
  }
}
