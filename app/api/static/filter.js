// Which of the instances are shown: the threshold, the classes and the layers. Tells of a change.

export const LAYERS = ["masks", "boxes", "labels"];

export class Filter extends EventTarget {
  #threshold = 0.7;
  #hidden = new Set(); // Labels; they stay hidden from photo to photo.
  layers = Object.fromEntries(LAYERS.map((layer) => [layer, true]));

  get threshold() {
    return this.#threshold;
  }

  set threshold(value) {
    this.#threshold = value;
    this.#tell();
  }

  showLayer(layer, isShown) {
    this.layers[layer] = isShown;
    this.#tell();
  }

  showClasses(labels, isShown) {
    for (const label of labels) {
      if (isShown) this.#hidden.delete(label);
      else this.#hidden.add(label);
    }
    this.#tell();
  }

  /** The indices of the instances that are shown. */
  visible(instances) {
    return [...instances.keys()].filter((index) => {
      const { label, score } = instances[index];
      return score >= this.#threshold && !this.#hidden.has(label);
    });
  }

  /** How many there are beside the visible ones. */
  left(instances) {
    const sure = instances.filter(({ score }) => score >= this.#threshold);
    return {
      below: instances.length - sure.length,
      ofHiddenClasses: sure.filter(({ label }) => this.#hidden.has(label)).length,
    };
  }

  /** Every class on the photo, the most frequent first, with its count above the threshold. */
  classes(instances) {
    const classes = new Map();
    for (const { label, score } of instances) {
      const entry = classes.get(label) ?? { label, found: 0, count: 0 };
      entry.found += 1;
      entry.count += score >= this.#threshold;
      classes.set(label, entry);
    }
    return [...classes.values()]
      .sort((a, b) => b.found - a.found || a.label.localeCompare(b.label))
      .map((entry) => ({ ...entry, isShown: !this.#hidden.has(entry.label) }));
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
