// One prediction: what was answered, and the place where a person says whether it was right.

import { element, made } from "../elements.js";
import { milliseconds, plural, sentence, tenthsOfPercent } from "../words.js";
import { prediction, tell } from "./log.js";
import { moment } from "./moments.js";

export class One {
  #id = "";
  /** @type {contract.LoggedInstance[]} */
  #rows = [];

  /** @param {{ shown: (id: string) => void, judged: (id: string, agrees: boolean | null) => void }} on */
  constructor(on) {
    this.on = on;
    element("one-close").addEventListener("click", () => this.close());
    element("truth-right").addEventListener("click", () => this.#tell(this.#answered()));
    element("truth").addEventListener("submit", (event) => {
      event.preventDefault();
      const labels = element("truth-label").value.split(",").map((one) => one.trim());
      this.#tell(this.#truth(labels.filter(Boolean).map((label) => ({ label }))));
    });
  }

  /** @param {string} id */
  async open(id) {
    this.#id = id;
    this.on.shown(id);
    element("truth-answer").textContent = "";
    element("truth-label").value = "";
    try {
      const found = await prediction(id);
      if (this.#id !== id) return;
      this.#show(found);
      element("one").hidden = false;
      element("one-title").focus({ preventScroll: true });
    } catch (error) {
      this.#say(error);
      element("one").hidden = false;
    }
  }

  close() {
    this.#id = "";
    element("one").hidden = true;
    this.on.shown("");
  }

  /** @param {contract.LoggedPrediction} found */
  #show({ prediction_id: id, rows, feedback }) {
    const [first] = rows;
    this.#rows = rows;
    element("one-title").textContent = id;
    const facts = [
      ["Made", moment(first.created_at)],
      ["Model", `${first.model_name} ${first.model_version}`],
      ["Input", first.input_shape],
      ["Brightness", first.brightness === null ? "" : first.brightness.toFixed(2)],
      ["Took", milliseconds(first.processing_time_ms)],
      ["Request", first.request_id],
    ].filter(([, value]) => value);
    element("one-facts").replaceChildren(
      ...facts.flatMap(([name, value]) => [made("dt", "", name), made("dd", "", value)]),
    );
    element("one-found").replaceChildren(...rows.map(finding));
    element("truth").hidden = first.predicted_class < 0;
    element("truth-hint").textContent = this.#hasInstances
      ? "All that is on the picture, with commas between; nothing is nothing."
      : "";
    element("one-truths").replaceChildren(
      ...feedback.map(({ created_at: at, truth, agrees }) => {
        const verdict = agrees === null ? "is kept" : agrees ? "agrees" : "differs";
        return made("li", "quiet", `${moment(at)}: ${wordsOf(truth)} ${verdict}`);
      }),
    );
    const answered = rows.map(({ detail }) => detail);
    element("one-json").textContent = JSON.stringify(answered.length > 1 ? answered : answered[0], null, 1);
  }

  get #hasInstances() {
    const [first] = this.#rows;
    return this.#rows.length > 1 || "box" in first.detail || !first.class_probabilities.length;
  }

  /** The truth that says what was answered. */
  #answered() {
    const found = this.#rows.filter((row) => row.class_probabilities.length || row.label !== null);
    return this.#truth(found.map(({ predicted_class: number }) => ({ class_id: number })));
  }

  /** @param {object[]} classes */
  #truth(classes) {
    return this.#hasInstances ? { instances: classes } : (classes[0] ?? {});
  }

  /** @param {object} truth */
  async #tell(truth) {
    const id = this.#id;
    try {
      const { agrees } = await tell(id, truth);
      this.on.judged(id, agrees);
      const found = await prediction(id);
      if (this.#id !== id) return;
      this.#show(found);
      element("truth-answer").textContent = agrees === null
        ? "It is kept."
        : `It is kept: the prediction ${agrees ? "agrees" : "differs"}.`;
    } catch (error) {
      this.#say(error);
    }
  }

  /** @param {unknown} error */
  #say(error) {
    element("truth-answer").textContent = sentence(error instanceof Error ? error.message : String(error));
  }
}

/** @param {contract.LoggedInstance} row */
function finding({ label, score, predicted_class: number, class_probabilities: numbers, detail }) {
  const item = made("li", "");
  const name = label ?? (number < 0 ? plural(numbers.length, "number") : `class ${number}`);
  const isNothing = label === null && number === 0 && !numbers.length;
  item.append(made("span", "label", isNothing ? "nothing found" : name), " ");
  item.append(made("span", "score", score === null ? "" : tenthsOfPercent(score)));
  if (score !== null) {
    const bar = made("span", "bar");
    bar.style.setProperty("--share", `${score * 100}%`);
    item.append(bar);
  }
  const box = /** @type {Record<string, number> | undefined} */ (detail.box);
  if (box) {
    const text = `x ${box.x_min} to ${box.x_max}, y ${box.y_min} to ${box.y_max}`;
    item.append(made("span", "quiet", text));
  }
  return item;
}

/** @param {Record<string, unknown>} truth @returns {string} */
function wordsOf(truth) {
  const several = /** @type {Record<string, unknown>[] | undefined} */ (truth.instances);
  if (several) return several.map(wordsOf).join(", ") || "nothing";
  return String(truth.label ?? `class ${truth.class_id}`);
}
