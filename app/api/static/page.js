// The page: what a person does reaches the photos, and what becomes of them reaches the screen.

import { Board } from "./board.js";
import { Decoder } from "./decoder.js";
import { element } from "./elements.js";
import { showFaults } from "./faults.js";
import { listenForPictures } from "./files.js";
import { Filter } from "./filter.js";
import { Limits } from "./limits.js";
import { InstanceList } from "./list.js";
import { Models } from "./models.js";
import { Panel } from "./panel.js";
import { Photo, Photos } from "./photos.js";
import { offerSamples } from "./samples.js";
import { saveJson, savePicture } from "./saving.js";
import { copy, curlLine } from "./shell.js";
import { Strip } from "./strip.js";
import { plural, sentence, shortened, summary } from "./words.js";

const COPIED_MS = 2000;
const CALM_MS = 500;
const LONGEST_HINT = 240;

const models = new Models();
const filter = new Filter();
const decoder = new Decoder();
const limits = new Limits(document.documentElement.dataset);
const photos = new Photos({ decoder, limits, isHopeless: () => models.isHopeless });
const panel = new Panel(filter);
const strip = new Strip(photos);
const board = new Board({
  point,
  press: single,
  step: (by) => list.step(by),
  retry: () => photos.selected && photos.retry(photos.selected),
  remove: () => photos.selected && photos.remove(photos.selected),
});
const list = new InstanceList({
  point: (index) => {
    point(index);
    if (index !== null) board.reveal(index);
  },
  press: single,
});

// ---- The instance that is singled out: where the pointer is, or the one chosen to stay

/** @type {number | null} */
let hovered = null;
/** @type {number | null} */
let pinned = null;

/** @param {number | null} index */
function point(index) {
  if (index === hovered) return;
  hovered = index;
  if (index !== null) list.reveal(index);
  show();
}

/** @param {number | null} index */
function single(index) {
  pinned = index;
  hovered = null;
  const answer = photos.selected?.answer;
  if (index !== null && answer) {
    board.reveal(index);
    list.reveal(index);
    const { label, score } = answer.prediction.instances[index];
    announce(`${label}, score ${score.toFixed(2)}`);
  }
  show();
}

// ---- What is shown

function show() {
  const photo = photos.selected;
  const answer = photo?.answer;
  const instances = answer?.prediction.instances ?? [];
  const indices = filter.visible(instances);
  if (hovered !== null && !indices.includes(hovered)) hovered = null;
  if (pinned !== null && !indices.includes(pinned)) pinned = null;
  const lit = hovered ?? pinned;
  const pixels = photo && decoder.sourceOf(photo);
  board.show(photo, pixels, { indices, lit, layers: filter.layers });
  panel.show(photo, indices);
  const model = answer?.prediction.model;
  tellAbout(element("about-result"), indices.length ? undefined : model);
  tellAbout(element("about-found"), indices.length ? model : undefined);
  list.show(instances, indices, { lit, pinned });
  showShell();
}

function showStrip() {
  strip.show((photo) => filter.visible(photo.answer?.prediction.instances ?? []).length);
}

function showShell() {
  const photo = photos.selected;
  element("curl").textContent = curlLine(location.origin, {
    name: photo?.name ?? "photo.jpg",
    model: models.names.length > 1 ? (photo?.model ?? chosen()) : "",
    minScore: photo ? filter.threshold : undefined,
  });
}

/** @param {string} text */
function say(text) {
  element("notice").hidden = !text;
  element("notice").textContent = text;
}

/** Tell what the picture itself does not. */
function tellFormat() {
  const photo = photos.selected;
  const isBlind = photo?.state === "done" && photo.isUndecodable;
  say(isBlind ? "This browser cannot show this format: only the instances are drawn." : "");
}

/** @param {string} reason */
function hint(reason) {
  return shortened(sentence(reason), LONGEST_HINT);
}

/**
 * Tell what a model's owner wrote about it, where there is a model.
 * @param {HTMLElement} place
 * @param {string | undefined} name
 */
function tellAbout(place, name) {
  place.textContent = name === undefined ? "" : models.about(name);
  place.hidden = !place.textContent;
}

/** @param {string} text */
function announce(text) {
  element("announcer").textContent = text;
}

function announceResult() {
  const photo = photos.selected;
  if (photo?.problem) announce(`${photo.name} failed: ${sentence(photo.problem.message)}`);
  if (photo?.state !== "done" || !photo.answer) return;
  const { instances } = photo.answer.prediction;
  const shown = filter.visible(instances).map((index) => instances[index]);
  announce(`${photo.name}: ${plural(shown.length, "instance")}. ${summary(shown)}`);
}

// ---- The models

function chosen() {
  return element("model").value || models.usual;
}

function showModels() {
  const select = element("model");
  const offered = [...select.options].map(({ value }) => value);
  if (models.names.join("\n") !== offered.join("\n")) {
    const last = select.value;
    select.replaceChildren(...models.names.map((name) => new Option(name, name)));
    select.value = models.names.includes(last) ? last : models.usual;
    element("model-field").hidden = models.names.length < 2;
    panel.suggest(models.leastScore(chosen()));
  }
  const place = element("state");
  place.dataset.state = models.isReady ? "ready" : "loading";
  place.textContent = models.isReady ? models.text : "Not ready";
  showFaults(models.faults);
  tellAbout(element("about"), chosen());
  element("board").dataset.server = place.dataset.state;
  element("prompt-hint").textContent = models.reason ? hint(models.reason) : "or paste one";
  showShell();
}

/** Have the photo that is looked at, and those to come, seen by the model that was chosen. */
function choose() {
  panel.suggest(models.leastScore(chosen()));
  tellAbout(element("about"), chosen());
  if (photos.selected) photos.ask(photos.selected, chosen());
}

// ---- The person

/** @param {File[]} files */
function take(files) {
  photos.add(files.map((file) => new Photo({ name: file.name, blob: file, model: chosen() })));
}

/** @param {contract.Sample} sample */
function takeSample({ model, url }) {
  const there = photos.list.find((photo) => photo.url === url);
  if (there) {
    photos.select(there);
    return;
  }
  const asked = models.names.includes(model) ? model : chosen();
  photos.add([new Photo({ name: decodeURIComponent(url.split("/").at(-1) ?? ""), url, model: asked })]);
}

async function takeAway() {
  const { selected } = photos;
  if (!selected) return;
  const button = element("save-picture");
  button.disabled = true;
  try {
    await decoder.decode(selected); // Until then there may be a thumbnail only.
    await save(selected);
  } finally {
    button.disabled = false;
  }
}

/** @param {Photo} photo */
async function save(photo) {
  show();
  if (photo !== photos.selected || !board.scene) {
    const reason = "another photo was chosen before it could be drawn";
    if (photos.list.includes(photo)) say(`${photo.name} was not saved: ${reason}.`);
    return;
  }
  const scale = await savePicture(photo, { ...board.scene, lit: pinned }, board.scale);
  if (!scale) say("This browser cannot make a picture of this size; the server can: render=png.");
  else if (scale < 1) say(`This browser cannot make a picture of this size: it is ${scale} of it.`);
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

/** @param {KeyboardEvent} event */
function letGo(event) {
  if (event.key !== "Escape" || (hovered === null && pinned === null)) return;
  hovered = pinned = null;
  announce("");
  show();
}

function listen() {
  listenForPictures({ take, say });
  element("model").addEventListener("change", choose);
  element("save-json").addEventListener("click", () => {
    const { selected } = photos;
    const answer = selected?.answer;
    if (answer) saveJson(selected, answer, filter.visible(answer.prediction.instances));
  });
  element("save-picture").addEventListener("click", takeAway);
  element("copy").addEventListener("click", copyLine);
  document.addEventListener("keydown", letGo);

  let calm = 0;
  filter.listen("change", () => {
    show();
    showStrip();
    clearTimeout(calm);
    calm = setTimeout(announceResult, CALM_MS);
  });
  models.listen("change", showModels);
  decoder.listen("decoded", (photo) => {
    showStrip();
    if (photo === photos.selected) show();
  });
  photos.listen("change", (photo) => {
    showStrip();
    if (photo !== photos.selected) return;
    show();
    tellFormat();
    if (photo.isOver) announceResult();
  });
  photos.listen("remove", showStrip);
  photos.listen("select", (photo) => {
    hovered = pinned = null;
    decoder.look(photo);
    if (photo && models.names.includes(photo.model)) element("model").value = photo.model;
    showStrip();
    strip.reveal();
    show();
    tellFormat();
    announceResult();
  });
}

listen();
show();
element("unloaded").hidden = true;
offerSamples({ take: takeSample });
models.follow();
