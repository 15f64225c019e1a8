// Models that find instances: how their answers are shown over the photo and listed beside it, and
// which instance is singled out: the one where the pointer is, or the one chosen to stay.

/** @import { Marks } from "./board.js" */
/** @import { Prediction } from "./server.js" */

import { Filter } from "./filter.js";
import { InstanceList } from "./list.js";
import { Panel } from "./panel.js";
import { Teller } from "./teller.js";
import { plural, summary } from "./words.js";

/** @typedef {{ reveal: (index: number) => void, announce: (text: string) => void }} Acts */

/** @extends {Teller<{ look: null, filter: null }>} */
export class Instances extends Teller {
  /** Asked for once: the slider goes no lower. */
  asks = { min_score: "0.05" };
  #on;
  #filter = new Filter();
  #panel = new Panel(this.#filter);
  #list;
  /** @type {number | null} */
  #hovered = null;
  /** @type {number | null} */
  #pinned = null;
  /** @type {Prediction | undefined} */
  #shown = undefined;

  /** @param {Acts} on */
  constructor(on) {
    super();
    this.#on = on;
    this.#list = new InstanceList({
      point: (index) => {
        this.point(index);
        if (index !== null) on.reveal(index);
      },
      press: (index) => this.single(index),
    });
    this.#filter.listen("change", () => this.tell("filter", null));
  }

  /** @param {number | null} index */
  point(index) {
    if (index === this.#hovered) return;
    this.#hovered = index;
    if (index !== null) this.#list.reveal(index);
    this.tell("look", null);
  }

  /** @param {number | null} index */
  single(index) {
    this.#pinned = index;
    this.#hovered = null;
    if (index !== null && this.#shown) {
      this.#on.reveal(index);
      this.#list.reveal(index);
      const { label, score } = instancesOf(this.#shown)[index];
      this.#on.announce(`${label}, score ${score.toFixed(2)}`);
    }
    this.tell("look", null);
  }

  /** @param {number} by */
  step(by) {
    this.#list.step(by);
  }

  /** Single none out; say whether one was. */
  letGo() {
    const wasLit = this.#hovered !== null || this.#pinned !== null;
    this.#hovered = this.#pinned = null;
    return wasLit;
  }

  /**
   * Start the slider where the model itself would draw the line, until a person moves it.
   * @param {number | undefined} threshold
   */
  suggest(threshold) {
    this.#panel.suggest(threshold);
  }

  /**
   * Show an answer, undefined where there is none, and return what lies over its photo.
   * @param {Prediction | undefined} prediction
   * @returns {Marks}
   */
  show(prediction) {
    this.#shown = prediction;
    const instances = prediction ? instancesOf(prediction) : [];
    const indices = this.#filter.visible(instances);
    if (this.#hovered !== null && !indices.includes(this.#hovered)) this.#hovered = null;
    if (this.#pinned !== null && !indices.includes(this.#pinned)) this.#pinned = null;
    const lit = this.#hovered ?? this.#pinned;
    this.#panel.show(prediction ? instances : null, indices);
    this.#list.show(instances, indices, { lit, pinned: this.#pinned });
    return { instances, indices, lit, layers: this.#filter.layers };
  }

  /** The one that is chosen to stay. */
  get pinned() {
    return this.#pinned;
  }

  /** What a line for a shell asks for: the same as is shown. */
  get asksShown() {
    return { min_score: String(this.#filter.threshold) };
  }

  /** @param {Prediction} prediction */
  count(prediction) {
    return this.#visible(prediction).length;
  }

  /**
   * What is found, in short, for the strip.
   * @param {Prediction} prediction
   */
  status(prediction) {
    return plural(this.count(prediction), "instance");
  }

  /**
   * What is found, shown or not.
   * @param {Prediction} prediction
   */
  description(prediction) {
    const instances = instancesOf(prediction);
    return `${plural(instances.length, "instance")}. ${summary(instances)}`;
  }

  /**
   * What is shown.
   * @param {Prediction} prediction
   */
  told(prediction) {
    const shown = this.#visible(prediction);
    return `${plural(shown.length, "instance")}. ${summary(shown)}`;
  }

  /**
   * What is shown, as an answer.
   * @param {Prediction} prediction
   */
  taken(prediction) {
    return { ...prediction, instances: this.#visible(prediction) };
  }

  /** @param {Prediction} prediction */
  #visible(prediction) {
    const instances = instancesOf(prediction);
    return this.#filter.visible(instances).map((index) => instances[index]);
  }
}

/** @type {never[]} */
const NONE = [];

/** @param {Prediction} prediction */
function instancesOf(prediction) {
  return "instances" in prediction ? prediction.instances : NONE;
}
