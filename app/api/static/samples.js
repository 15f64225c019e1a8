// The sample pictures that lie with the models, offered in a row.

import { element } from "./elements.js";
import * as server from "./server.js";

const RETRY_MS = 3000;

export class Samples {
  /** @type {{ model: string, button: HTMLButtonElement }[]} */
  #offered = [];
  #model = "";

  /** @param {{ take: (sample: contract.Sample) => void }} on */
  async offer({ take }) {
    const known = await server.samples().catch(() => null);
    // The process that knows them may be on its way.
    if (known === null) setTimeout(() => this.offer({ take }), RETRY_MS);
    const samples = known ?? [];
    element("samples-field").hidden = !samples.length;
    this.#offered = samples.map((sample) => ({
      model: sample.model,
      button: buttonOf(sample, () => take(sample)),
    }));
    element("samples").replaceChildren(...this.#offered.map(({ button }) => button));
    this.show(this.#model);
  }

  /**
   * Show those of a model; all where it has none.
   * @param {string} name
   */
  show(name) {
    this.#model = name;
    const hasOwn = this.#offered.some(({ model }) => model === name);
    for (const { model, button } of this.#offered) button.hidden = hasOwn && model !== name;
  }
}

/** @param {contract.Sample} sample @param {() => void} act */
function buttonOf({ model, name, url }, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sample";
  button.title = `${model}: ${name}`;
  const image = new Image();
  image.src = url;
  image.alt = `Sample ${name}`;
  image.loading = "lazy";
  image.draggable = false;
  button.append(image);
  button.addEventListener("click", act);
  return button;
}
