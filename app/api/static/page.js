// The page: which model is asked, how the server is, and the part of the page that its face needs.

import { element } from "./elements.js";
import { showFaults } from "./faults.js";
import { listenForPictures } from "./files.js";
import { Models } from "./models.js";
import { Pictures } from "./pictures.js";
import { Samples } from "./samples.js";
import { copy } from "./shell.js";
import { Values } from "./values.js";

const COPIED_MS = 2000;

const models = new Models();
const samples = new Samples();
/** @type {import("./pictures.js").Acts} */
const acts = {
  chosen: () => element("model").value || models.usual,
  choose(model) {
    element("model").value = model;
  },
  announce,
  changed: () => showRest(),
  tellAbout(place, name) {
    place.textContent = name === undefined ? "" : models.about(name);
    place.hidden = !place.textContent;
  },
};
const pictures = new Pictures(models, acts);
const values = new Values(models, acts);

/** The part that the chosen model needs. */
function part() {
  return models.face(acts.chosen()) === "values" ? values : pictures;
}

/** @param {string} text */
function announce(text) {
  element("announcer").textContent = text;
}

/** Show what goes with the part. */
function showRest() {
  const shown = part();
  document.body.dataset.face = shown.faceName;
  element("curl").textContent = shown.line;
  samples.show(acts.chosen());
}

function showModels() {
  const select = element("model");
  const offered = [...select.options].map(({ value }) => value);
  if (models.names.join("\n") !== offered.join("\n")) {
    const last = select.value;
    select.replaceChildren(...models.names.map((name) => new Option(name, name)));
    select.value = models.names.includes(last) ? last : models.usual;
    element("model-field").hidden = models.names.length < 2;
    pictures.suggest();
  }
  const place = element("state");
  place.dataset.state = models.isReady ? "ready" : "loading";
  place.textContent = models.isReady ? models.text : "Not ready";
  showFaults(models.faults);
  part().showModels();
  showRest();
}

async function copyLine() {
  const button = element("copy");
  const isCopied = await copy(element("curl").textContent);
  if (!isCopied) getSelection()?.selectAllChildren(element("curl"));
  button.textContent = isCopied ? "Copied" : "Press Ctrl+C";
  button.classList.toggle("done", isCopied);
  announce(button.textContent);
  setTimeout(() => {
    button.textContent = "Copy";
    button.classList.remove("done");
  }, COPIED_MS);
}

listenForPictures({
  take: (files) => part().take(files),
  say: (text) => part().say(text),
});
element("model").addEventListener("change", () => part().choose());
element("copy").addEventListener("click", copyLine);
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") part().letGo();
});
models.listen("change", showModels);

pictures.show();
element("unloaded").hidden = true;
samples.offer({ take: (sample) => pictures.takeSample(sample) });
models.follow();
