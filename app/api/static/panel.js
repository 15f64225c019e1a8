// Counts, threshold, classes, layers and facts beside the picture.

import { LAYERS } from "./filter.js";
import { milliseconds, tenths } from "./words.js";

const element = (id) => document.getElementById(id);

export class Panel {
  #filter;
  #isMoved = false; // The slider, by a person.
  #instances = null;
  #chips = new Map(); // Label: {field, box, count}

  constructor(filter) {
    this.#filter = filter;
    element("threshold").addEventListener("input", ({ target }) => {
      this.#isMoved = true;
      filter.threshold = Number(target.value);
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

  /** Start the slider where the model itself would draw the line, until a person moves it. */
  suggest(threshold) {
    if (threshold === undefined || threshold === null || this.#isMoved) return;
    element("threshold").value = threshold;
    this.#filter.threshold = Number(element("threshold").value);
  }

  /** Show the answer about a photo, null for none, with the instances at `indices`. */
  show(photo, indices) {
    element("threshold-value").textContent = this.#filter.threshold.toFixed(2);
    element("panel").dataset.view = viewOf(photo);
    if (!photo) return;
    element("pending").textContent = pendingText(photo);
    const { answer } = photo;
    if (!answer) return;
    const { instances } = answer.prediction;
    if (instances !== this.#instances) {
      this.#instances = instances;
      this.#makeChips(instances);
      showFacts(answer);
    }
    for (const { label, count, isShown } of this.#filter.classes(instances)) {
      const chip = this.#chips.get(label);
      chip.box.checked = isShown;
      chip.count.textContent = count;
      chip.field.classList.toggle("none", !count);
    }
    element("count").textContent = indices.length;
    element("count-word").textContent = indices.length === 1 ? "instance" : "instances";
    element("hidden-count").textContent = leftText(instances, this.#filter.left(instances));
  }

  #makeChips(instances) {
    const classes = this.#filter.classes(instances);
    this.#chips = new Map(classes.map(({ label }) => [label, this.#chip(label)]));
    element("classes-field").hidden = !classes.length;
    element("classes").replaceChildren(...[...this.#chips.values()].map(({ field }) => field));
  }

  #chip(label) {
    const field = document.createElement("label");
    field.className = "chip";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = label;
    box.addEventListener("change", () => this.#filter.showClasses([label], box.checked));
    const name = document.createElement("span");
    name.textContent = label;
    const count = document.createElement("span");
    count.className = "count";
    field.append(box, name, " ", count);
    return { field, box, count };
  }
}

function viewOf(photo) {
  if (!photo) return "empty";
  return photo.answer ? "result" : "pending";
}

function pendingText({ state }) {
  return state === "failed" ? "There is no answer about this photo." : "No answer yet.";
}

function leftText(instances, { below, ofHiddenClasses }) {
  if (!instances.length) return "Nothing was found in this picture.";
  const parts = [];
  if (below) parts.push(`${below} more with a lower score`);
  if (ofHiddenClasses) parts.push(`${ofHiddenClasses} of classes not ticked`);
  return parts.join(", ");
}

function showFacts({ prediction, wallMs }) {
  const { decode, queue, inference, encode } = prediction.timing_ms;
  const rows = [
    ["Model", `${prediction.model}, version ${prediction.version}`],
    ["Picture", `${prediction.image.width} × ${prediction.image.height}`],
    ["Inference", milliseconds(inference)],
    ["Decode, queue, encode", `${[decode, queue, encode].map(tenths).join(", ")} ms`],
    ["Seen from here", milliseconds(wallMs)],
  ];
  element("facts").replaceChildren(
    ...rows.flatMap(([term, text]) => {
      const pair = [document.createElement("dt"), document.createElement("dd")];
      pair[0].textContent = term;
      pair[1].textContent = text;
      return pair;
    }),
  );
}
