// The page for models that take numbers and text: a form of their inputs, and their outputs.

/** @import { Models } from "./models.js" */
/** @import { Acts } from "./pictures.js" */
/** @import { Outputs } from "./server.js" */

import { showBars } from "./bars.js";
import { element, made } from "./elements.js";
import { showFacts } from "./facts.js";
import { Form } from "./form.js";
import { arranged } from "./outputs.js";
import { saveJson } from "./saving.js";
import * as server from "./server.js";
import { jsonLine } from "./shell.js";
import { plural, sentence, tenthsOfPercent } from "./words.js";

const MOST_BARS = 10;

export class Values {
  faceName = "values";
  #on;
  #models;
  /** @type {Map<string, Form>} */
  #forms = new Map(); // By model, signature and inputs.
  /** @type {Map<string, string>} */
  #signatures = new Map(); // What was chosen, by model.
  /** @type {Form | null} */
  #form = null;
  /** @type {Form["answer"]} */
  #shown = null;

  /** @param {Models} models @param {Acts} on */
  constructor(models, on) {
    this.#on = on;
    this.#models = models;
    const form = element("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#form && !this.#form.isBusy) this.#predict(this.#form);
    });
    form.addEventListener("input", () => on.changed());
    element("signature").addEventListener("change", () => {
      this.#signatures.set(on.chosen(), element("signature").value);
      this.choose();
    });
    form.addEventListener("reset", () => {
      this.#form?.forget();
      // The controls are emptied after this is told.
      setTimeout(() => this.choose());
    });
    element("save-values").addEventListener("click", () => {
      const answer = this.#form?.answer;
      if (answer) saveJson(answer.prediction.model, answer.prediction);
    });
  }

  /** Show the form of the model that is chosen. */
  choose() {
    const model = this.#on.chosen();
    const signatures = this.#models.signatures(model);
    const last = this.#signatures.get(model) ?? "";
    const signature = signatures.includes(last) ? last : (signatures[0] ?? "");
    this.#offer(signatures, signature);
    const inputs = this.#models.inputs(model, signature);
    const asked = signature === signatures[0] ? "" : signature;
    const key = JSON.stringify([model, asked, inputs]);
    const form = this.#forms.get(key) ?? new Form(model, asked, inputs);
    this.#forms.set(key, form);
    if (form !== this.#form) element("inputs").replaceChildren(...form.rows);
    this.#form = form;
    this.show();
  }

  showModels() {
    this.choose();
  }

  /**
   * Offer the signatures of a model that has several.
   * @param {string[]} signatures
   * @param {string} chosen
   */
  #offer(signatures, chosen) {
    const select = element("signature");
    const offered = [...select.options].map(({ value }) => value);
    if (signatures.join("\n") !== offered.join("\n")) {
      select.replaceChildren(...signatures.map((name) => new Option(name, name)));
    }
    select.value = chosen;
    element("signature-field").hidden = signatures.length < 2;
  }

  show() {
    if (!this.#form) return;
    const { model, answer, problem, isBusy } = this.#form;
    element("values-title").textContent = model;
    this.#on.tellAbout(element("values-about"), model);
    // Unlike `disabled`, this does not take the focus away from who has just pressed it.
    element("predict").setAttribute("aria-disabled", String(isBusy));
    element("refusal").hidden = !problem;
    element("refusal-title").textContent = problem?.title ?? "";
    const detail = problem?.detail && sentence(problem.detail);
    element("refusal-detail").textContent = [detail, problem?.request].filter(Boolean).join(" ");
    element("values-pending").textContent = isBusy ? "The model is asked." : "";
    element("values-panel").dataset.view = isBusy ? "pending" : answer ? "result" : "empty";
    element("values-panel").setAttribute("aria-busy", String(isBusy));
    // Once: who marks a text of it keeps it marked.
    if (answer && answer !== this.#shown) {
      showOutputs(answer.prediction);
      showFacts(element("values-facts"), answer, this.#models.warnings(model));
    }
    this.#shown = answer;
    this.#on.changed();
  }

  /**
   * Take pictures that come onto the page.
   * @param {File[]} files
   */
  take(files) {
    if (!this.#form?.takeFiles(files)) this.say("This model takes no picture: fill in the form.");
  }

  /** @param {string} text */
  say(text) {
    if (!this.#form) return;
    this.#form.problem = text ? new server.Problem(text, "") : null;
    this.show();
  }

  letGo() {
    // Nothing is singled out here.
  }

  /** The request for a shell. */
  get line() {
    const several = this.#models.names.length > 1;
    const asked = this.#form?.forShell ?? { instance: "{}", files: [] };
    const model = several ? this.#on.chosen() : "";
    return jsonLine(location.origin, { ...asked, model, signature: this.#form?.signature ?? "" });
  }

  /** @param {Form} form */
  async #predict(form) {
    form.isBusy = true;
    try {
      const instance = await form.instance();
      if (instance === null) return;
      form.answer = null;
      this.show();
      const start = performance.now();
      const prediction = await server.outputs(instance, form);
      form.answer = { prediction, wallMs: performance.now() - start };
    } catch (problem) {
      if (!(problem instanceof server.Problem)) throw problem;
      form.refuse(problem);
    } finally {
      form.isBusy = false;
      this.show();
    }
    if (form === this.#form && form.answer) this.#tell(form.answer.prediction);
  }

  /**
   * Bring an answer into sight, and say it.
   * @param {Outputs} prediction
   */
  #tell({ model, outputs }) {
    element("values-panel").scrollIntoView({ block: "nearest" });
    const { charts, rows } = arranged(outputs);
    const best = charts.map(({ bars: [{ label, score }] }) => `${label}, ${tenthsOfPercent(score)}`);
    const texts = best.length ? best : rows.map(({ name, text }) => `${name}: ${text}`);
    this.#on.announce(`${model}: ${texts.join(". ")}`);
  }
}

/** @param {Outputs} prediction */
function showOutputs({ outputs }) {
  const { charts, rows } = arranged(outputs);
  element("outputs-count").textContent = plural(Object.keys(outputs).length, "output");
  element("charts").replaceChildren(...charts.flatMap(({ name, bars }) => chart(name, bars)));
  element("outputs").hidden = !rows.length;
  element("outputs-rows").replaceChildren(...rows.map(({ name, text }) => row(name, text)));
}

/** @param {string} name @param {import("./bars.js").Bar[]} bars */
function chart(name, bars) {
  const list = made("ol", "bars");
  list.setAttribute("aria-label", name);
  showBars(list, bars.slice(0, MOST_BARS));
  const left = (bars.length - MOST_BARS).toLocaleString("en");
  const rest = made("p", "quiet", `${left} more with a lower score`);
  rest.hidden = bars.length <= MOST_BARS;
  return [made("h3", "", name), list, rest];
}

/** @param {string} name @param {string} text */
function row(name, text) {
  const line = made("tr", "");
  const head = made("th", "", name);
  head.scope = "row";
  line.append(head, made("td", "", text));
  return line;
}
