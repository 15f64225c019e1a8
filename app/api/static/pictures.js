// The page for models that look at pictures: photos come, are asked about, and are shown with what
// was found. What that is, and how it looks, is for the model's face: instances.js, classes.js or segments.js.

/** @import { Marks } from "./board.js" */
/** @import { Models } from "./models.js" */

import { Board } from "./board.js";
import { Classes } from "./classes.js";
import { Decoder } from "./decoder.js";
import { element } from "./elements.js";
import { showFacts } from "./facts.js";
import { Instances } from "./instances.js";
import { Limits } from "./limits.js";
import { Photo, Photos } from "./photos.js";
import { download, saveJson, saveScene } from "./saving.js";
import * as server from "./server.js";
import { curlLine } from "./shell.js";
import { Segments } from "./segments.js";
import { Strip } from "./strip.js";
import { sentence, shortened, stem } from "./words.js";

/**
 * What the page does for its part.
 * @typedef {object} Acts
 * @property {() => string} chosen The model that is chosen.
 * @property {(model: string) => void} choose
 * @property {(text: string) => void} announce
 * @property {() => void} changed What is shown is another.
 * @property {(place: HTMLElement, model: string | undefined) => void} tellAbout
 */

const CALM_MS = 500;
const LONGEST_HINT = 240;
/** @type {Marks} */
const NO_MARKS = {
  instances: [],
  indices: [],
  lit: null,
  layers: { masks: false, boxes: false, labels: false },
};

export class Pictures {
  #on;
  #models;
  #decoder = new Decoder();
  #photos;
  #strip;
  #board;
  #instances;
  #classes = new Classes();
  #segments = new Segments();
  #calm = 0;

  /** @param {Models} models @param {Acts} on */
  constructor(models, on) {
    this.#on = on;
    this.#models = models;
    this.#photos = new Photos({
      decoder: this.#decoder,
      limits: new Limits(document.documentElement.dataset),
      asks: (model) => (models.names.includes(model) ? this.#faceOf(model).asks : {}),
      isHopeless: () => models.isHopeless,
    });
    this.#strip = new Strip(this.#photos);
    this.#board = new Board({
      point: (index) => {
        if (this.#face === this.#instances) this.#instances.point(index);
      },
      press: (index) => this.#instances.single(index),
      step: (by) => this.#instances.step(by),
      retry: () => this.#photos.selected && this.#photos.retry(this.#photos.selected),
      remove: () => this.#photos.selected && this.#photos.remove(this.#photos.selected),
    });
    this.#instances = new Instances({
      reveal: (index) => this.#board.reveal(index),
      announce: on.announce,
    });
    this.#listen();
  }

  /** @param {File[]} files */
  take(files) {
    const model = this.#on.chosen();
    this.#photos.add(files.map((file) => new Photo({ name: file.name, blob: file, model })));
  }

  /** @param {contract.Sample} sample */
  takeSample({ model, url }) {
    const there = this.#photos.list.find((photo) => photo.url === url);
    if (there) {
      this.#photos.select(there);
      return;
    }
    const asked = this.#models.names.includes(model) ? model : this.#on.chosen();
    const name = decodeURIComponent(url.split("/").at(-1) ?? "");
    this.#photos.add([new Photo({ name, url, model: asked })]);
  }

  /** Have the photo that is looked at, and those to come, seen by the model that was chosen. */
  choose() {
    this.suggest();
    this.#on.tellAbout(element("about"), this.#on.chosen());
    if (this.#photos.selected) this.#photos.ask(this.#photos.selected, this.#on.chosen());
    this.show();
  }

  /** Show at first what the chosen model itself would answer with. */
  suggest() {
    this.#instances.suggest(this.#models.leastScore(this.#on.chosen()));
  }

  /** Show what is known of the models. */
  showModels() {
    const reason = this.#models.hint;
    element("board").dataset.server = this.#models.isReady ? "ready" : "loading";
    element("prompt-hint").textContent = reason
      ? shortened(sentence(reason), LONGEST_HINT)
      : "or paste one";
    this.#on.tellAbout(element("about"), this.#on.chosen());
  }

  show() {
    const photo = this.#photos.selected;
    const answer = photo?.answer;
    const face = this.#face;
    const of = (/** @type {unknown} */ one) => (face === one ? answer?.prediction : undefined);
    const found = this.#instances.show(of(this.#instances));
    const segmented = this.#segments.show(of(this.#segments));
    this.#classes.show(of(this.#classes));
    const marks = face === this.#segments ? segmented : face === this.#classes ? NO_MARKS : found;
    const pixels = photo && this.#decoder.sourceOf(photo);
    this.#board.show(photo, pixels, marks, this.#text);
    element("panel").dataset.view = photo ? (answer ? "result" : "pending") : "empty";
    element("pending").textContent =
      photo?.state === "failed" ? "There is no answer about this photo." : "No answer yet.";
    if (answer) showFacts(element("facts"), answer, this.#models.warnings(answer.prediction.model));
    const model = answer?.prediction.model;
    const isFound = answer && face.count(answer.prediction) > 0;
    this.#on.tellAbout(element("about-result"), isFound ? undefined : model);
    this.#on.tellAbout(element("about-found"), isFound ? model : undefined);
    this.#on.changed();
  }

  /** How what is shown looks: as the answer is, or as those of the model will be. */
  get faceName() {
    const face = this.#face;
    return face === this.#classes ? "classes" : face === this.#segments ? "segments" : "instances";
  }

  /** @param {string} text */
  say(text) {
    element("notice").hidden = !text;
    element("notice").textContent = text;
  }

  /** Single none out. */
  letGo() {
    if (!this.#instances.letGo()) return;
    this.#on.announce("");
    this.show();
  }

  /** The request for a shell. */
  get line() {
    const photo = this.#photos.selected;
    return curlLine(location.origin, {
      name: photo?.name ?? "photo.jpg",
      model: this.#models.names.length > 1 ? (photo?.model ?? this.#on.chosen()) : "",
      parameters: photo ? this.#face.asksShown : {},
    });
  }

  get #face() {
    const photo = this.#photos.selected;
    if (!photo?.answer) return this.#faceOf(photo?.model ?? this.#on.chosen());
    return this.#faceOfAnswer(photo.answer.prediction);
  }

  /** @param {string} model */
  #faceOf(model) {
    const face = this.#models.face(model);
    return face === "classes" ? this.#classes : face === "segments" ? this.#segments : this.#instances;
  }

  /** @param {server.Prediction} prediction */
  #faceOfAnswer(prediction) {
    if ("segments" in prediction) return this.#segments;
    return "predictions" in prediction ? this.#classes : this.#instances;
  }

  /** The picture in words. */
  get #text() {
    const photo = this.#photos.selected;
    if (!photo?.answer) return photo?.name ?? "No picture";
    return `${photo.name}: ${this.#face.description(photo.answer.prediction)}`;
  }

  #showStrip() {
    this.#strip.show(({ answer }) =>
      answer ? this.#faceOfAnswer(answer.prediction).status(answer.prediction) : "",
    );
  }

  /** Tell what the picture itself does not. */
  #tellFormat() {
    const photo = this.#photos.selected;
    const isBlind = photo?.state === "done" && photo.isUndecodable;
    const drawn = this.#face === this.#classes ? "" : this.faceName;
    const rest = drawn ? `: only the ${drawn} are drawn` : "";
    this.say(isBlind ? `This browser cannot show this format${rest}.` : "");
  }

  #announceResult() {
    const photo = this.#photos.selected;
    if (photo?.problem) {
      this.#on.announce(`${photo.name} failed: ${sentence(photo.problem.message)}`);
    }
    if (photo?.state !== "done" || !photo.answer) return;
    this.#on.announce(`${photo.name}: ${this.#face.told(photo.answer.prediction)}`);
  }

  async #takePicture() {
    const { selected } = this.#photos;
    if (!selected) return;
    const button = element("save-picture");
    button.disabled = true;
    try {
      if (this.#face === this.#instances) await this.#saveScene(selected);
      else await this.#saveDrawing(selected);
    } finally {
      button.disabled = false;
    }
  }

  /**
   * Save the photo with its classes, or segments: the server draws them.
   * @param {Photo} photo
   */
  async #saveDrawing({ name, blob, model }) {
    if (!blob) return;
    try {
      download(await server.drawing(blob, model), `${stem(name)}-${this.faceName}.png`);
    } catch (problem) {
      if (!(problem instanceof server.Problem)) throw problem;
      this.say(`${name} was not saved: ${sentence(problem.message)}`);
    }
  }

  /**
   * Save the photo as it is shown.
   * @param {Photo} photo
   */
  async #saveScene(photo) {
    await this.#decoder.decode(photo); // Until then there may be a thumbnail only.
    this.show();
    const { scene } = this.#board;
    if (photo !== this.#photos.selected || !scene) {
      const reason = "another photo was chosen before it could be drawn";
      if (this.#photos.list.includes(photo)) this.say(`${photo.name} was not saved: ${reason}.`);
      return;
    }
    const { pinned: lit } = this.#instances;
    const scale = await saveScene(photo.name, { ...scene, lit }, this.#board.scale);
    const sorry = "This browser cannot make a picture of this size";
    if (!scale) this.say(`${sorry}; the server can: render=png.`);
    else if (scale < 1) this.say(`${sorry}: it is ${scale} of it.`);
  }

  #takeJson() {
    const { selected } = this.#photos;
    const answer = selected?.answer;
    if (answer) saveJson(selected.name, this.#face.taken(answer.prediction));
  }

  #listen() {
    element("save-json").addEventListener("click", () => this.#takeJson());
    element("save-picture").addEventListener("click", () => this.#takePicture());
    this.#instances.listen("look", () => this.show());
    this.#instances.listen("filter", () => {
      this.show();
      this.#showStrip();
      clearTimeout(this.#calm);
      this.#calm = setTimeout(() => this.#announceResult(), CALM_MS);
    });
    this.#decoder.listen("decoded", (photo) => {
      this.#showStrip();
      if (photo === this.#photos.selected) this.show();
    });
    this.#photos.listen("change", (photo) => {
      this.#showStrip();
      if (photo !== this.#photos.selected) return;
      this.show();
      this.#tellFormat();
      if (photo.isOver) this.#announceResult();
    });
    this.#photos.listen("remove", () => this.#showStrip());
    this.#photos.listen("select", (photo) => {
      this.#instances.letGo();
      this.#decoder.look(photo);
      if (photo && this.#models.names.includes(photo.model)) this.#on.choose(photo.model);
      this.#showStrip();
      this.#strip.reveal();
      this.show();
      this.#tellFormat();
      this.#announceResult();
    });
  }
}
