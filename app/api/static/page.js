// The page: takes a picture, asks the server once, and shows what the slider lets through.

import { Drawing, colour, css } from "./drawing.js";
import * as server from "./server.js";

// Asked for once; the slider goes no lower.
const MIN_SCORE = 0.05;
const POLL_MS = 2000;
const LAYERS = ["masks", "boxes", "labels"];

const element = (id) => document.getElementById(id);
const board = element("board");
const canvas = element("canvas");
const slider = element("threshold");

let models = [];

let shown = null; // {drawing, prediction, blob, name, wallMs}
let lit = null;
let isSliderMoved = false;
let turn = 0; // Each picture takes a turn; answers to an earlier one are dropped.

// ---- The picture

async function show(blob, name) {
  const mine = ++turn;
  setView("busy");
  element("busy").textContent = "Looking…";
  say(null);
  const photoPromise = createImageBitmap(blob).catch(() => null);
  photoPromise.then((photo) => preview(photo, mine));
  const start = performance.now();
  const prediction = await predictPatiently(blob, mine);
  if (mine !== turn) return;
  const photo = await photoPromise;
  if (mine !== turn) return;
  if (prediction instanceof Error) {
    fail(prediction, name);
    return;
  }
  const wallMs = performance.now() - start;
  shown = { drawing: new Drawing(canvas, photo, prediction), prediction, blob, name, wallMs };
  lit = null;
  if (!photo) say("This browser cannot show this format: only the instances are drawn.");
  setView("result");
  offerJson();
  redraw();
}

/** Show the photo alone while the server looks at it. */
function preview(photo, mine) {
  if (!photo || mine !== turn || board.dataset.view !== "busy") return;
  const { width, height } = photo;
  new Drawing(canvas, photo, { image: { width, height }, instances: [] }).draw({
    indices: [],
    lit: null,
    layers: {},
  });
}

/** Predict, again and again while the server says that it will be able to soon. */
async function predictPatiently(blob, mine) {
  for (;;) {
    try {
      return await server.predict(blob, { model: element("model").value, minScore: MIN_SCORE });
    } catch (problem) {
      if (!problem.isPassing || mine !== turn || haveAllFailed()) return problem;
      const wait = Math.min(problem.retryAfter ?? 3, 10);
      element("busy").textContent = `${sentence(problem.message)} Trying again in ${wait} s.`;
      await pause(wait * 1000);
      if (mine !== turn) return problem;
    }
  }
}

function haveAllFailed() {
  return models.length > 0 && models.every((model) => model.state === "failed");
}

function fail(problem, name) {
  setView(shown ? "result" : "empty");
  if (shown) redraw();
  const id = problem.status >= 500 && problem.requestId ? ` (Request ${problem.requestId})` : "";
  say(`${name}: ${sentence(problem.message)}${id}`, "error");
}

function sentence(text) {
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

function say(text, kind = "info") {
  const notice = element("notice");
  notice.hidden = !text;
  notice.dataset.kind = kind;
  notice.textContent = text ?? "";
}

function setView(view) {
  board.dataset.view = view;
  element("panel").dataset.view = view === "busy" && shown ? "result" : view;
  board.setAttribute("aria-busy", String(view === "busy"));
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- What is shown of it

function visible() {
  const threshold = Number(slider.value);
  const { instances } = shown.prediction;
  return [...instances.keys()].filter((index) => instances[index].score >= threshold);
}

function redraw() {
  element("threshold-value").textContent = Number(slider.value).toFixed(2);
  if (!shown || board.dataset.view !== "result") return;
  const indices = visible();
  if (!indices.includes(lit)) lit = null;
  draw(indices);
  list(indices);
  facts();
}

function draw(indices) {
  const layers = {};
  for (const layer of LAYERS) layers[layer] = element(`show-${layer}`).checked;
  shown.drawing.draw({ indices, lit, layers });
}

function list(indices) {
  const { instances } = shown.prediction;
  element("count").textContent = indices.length;
  element("count-word").textContent = indices.length === 1 ? "instance" : "instances";
  element("hidden-count").textContent = hiddenText(instances.length, indices.length);
  element("instances").replaceChildren(...indices.map((index) => row(index, instances[index])));
}

function hiddenText(found, left) {
  if (!found) return "Nothing was found in this picture.";
  return found > left ? `${found - left} more with a lower score` : "";
}

function row(index, { label, score, area }) {
  const item = document.createElement("li");
  item.dataset.index = index;
  item.tabIndex = 0;
  item.style.setProperty("--colour", css(colour(index)));
  item.style.setProperty("--score", score);
  item.classList.toggle("lit", index === lit);
  for (const [kind, text] of [
    ["label", label],
    ["area", `${area.toLocaleString("en")} px`],
    ["score", score.toFixed(3)],
  ]) {
    const part = document.createElement("span");
    part.className = kind;
    part.textContent = text;
    item.append(part);
  }
  return item;
}

function facts() {
  const { prediction, wallMs } = shown;
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

const tenths = (value) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

function milliseconds(value) {
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${tenths(value)} ms`;
}

function light(index) {
  if (index === lit || !shown) return;
  lit = index;
  draw(visible());
  for (const item of element("instances").children) {
    item.classList.toggle("lit", Number(item.dataset.index) === lit);
  }
}

function offerJson() {
  const link = element("save-json");
  URL.revokeObjectURL(link.href);
  const text = JSON.stringify(shown.prediction, null, 2);
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const stem = shown.name.replace(/\.[^.]*$/, "");
  link.download = `${stem}.json`;
  element("save-picture").download = `${stem}-instances.png`;
}

// ---- The server

async function follow() {
  for (;;) {
    const reason = await server.notReadyReason();
    models = await server.models().catch(() => []);
    offerModels();
    state(reason === null ? "ready" : "loading", reason === null ? readyText() : sentence(reason));
    // Ready, it is still looked at now and then: a model may come or go.
    await pause(reason === null ? 15 * POLL_MS : POLL_MS);
  }
}

function readyText() {
  const named = (state) => models.filter((model) => model.state === state).map(({ name }) => name);
  const failed = named("failed");
  const ready = named("ready").length === 1 ? `${named("ready")[0]} is ready` : "Ready";
  return failed.length ? `${ready}; ${failed.join(", ")} failed` : ready;
}

function state(kind, text) {
  const place = element("state");
  place.dataset.state = kind;
  place.textContent = kind === "ready" ? text : "Not ready";
  place.title = models.flatMap(({ name, error }) => (error ? `${name}: ${error}` : [])).join("\n");
  board.dataset.server = kind;
  element("prompt-hint").textContent = kind === "ready" ? "or paste one" : text;
}

function offerModels() {
  const select = element("model");
  const offerable = models.filter((model) => model.state !== "failed");
  const names = [...new Set(offerable.map((model) => model.name))];
  const offered = [...select.options].map((option) => option.value);
  if (names.join("\n") === offered.join("\n")) return;
  const chosen = offered.includes(select.value) ? select.value : null;
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  const fallback = offerable.find((model) => model.default)?.name ?? names[0];
  select.value = chosen ?? fallback ?? "";
  element("model-field").hidden = names.length < 2;
  followModel();
}

/** Start the slider where the chosen model itself would draw the line, until a person moves it. */
function followModel() {
  const model = models.find(({ name }) => name === element("model").value);
  const own = model?.min_score ?? model?.config?.DETECTION_MIN_CONFIDENCE;
  if (own == null || isSliderMoved) return;
  slider.value = own;
  redraw();
}

async function offerSamples() {
  const found = await server.samples().catch(() => []);
  element("samples-field").hidden = found.length === 0;
  element("samples").replaceChildren(
    ...found.map(({ model, name, url }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = `${model}: ${name}`;
      const image = new Image();
      image.src = url;
      image.alt = name;
      image.loading = "lazy";
      button.append(image);
      button.addEventListener("click", () => showSample(button, { model, name, url }));
      return button;
    }),
  );
}

async function showSample(button, { model, name, url }) {
  if ([...element("model").options].some((option) => option.value === model)) {
    element("model").value = model;
  }
  mark(button);
  try {
    await show(await server.picture(url), name);
  } catch (problem) {
    fail(problem, name);
  }
}

function mark(button) {
  for (const other of element("samples").children) {
    other.classList.toggle("chosen", other === button);
  }
}

// ---- The person

function take(file) {
  if (!file) return;
  mark(null);
  show(file, file.name || "photo");
}

function listen() {
  const input = element("file");
  const pick = () => input.click();
  element("pick").addEventListener("click", pick);
  element("another").addEventListener("click", pick);
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = "";
  });
  document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    board.classList.add("hovered");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) board.classList.remove("hovered");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    board.classList.remove("hovered");
    take(event.dataTransfer.files[0]);
  });

  slider.addEventListener("input", () => {
    isSliderMoved = true;
    redraw();
  });
  element("model").addEventListener("change", () => {
    followModel();
    if (shown) show(shown.blob, shown.name);
  });
  for (const layer of LAYERS) {
    element(`show-${layer}`).addEventListener("change", redraw);
  }
  for (const kind of ["pointermove", "pointerdown"]) {
    canvas.addEventListener(kind, (event) => {
      if (shown) light(shown.drawing.at(event.clientX, event.clientY, visible()));
    });
  }
  canvas.addEventListener("pointerleave", (event) => {
    // A finger that is lifted leaves too; what it pointed at stays lit.
    if (event.pointerType === "mouse") light(null);
  });
  const instances = element("instances");
  const indexOf = (event) => {
    const item = event.target.closest("li");
    return item ? Number(item.dataset.index) : null;
  };
  for (const kind of ["pointerover", "focusin"]) {
    instances.addEventListener(kind, (event) => light(indexOf(event)));
  }
  for (const kind of ["pointerleave", "focusout"]) {
    instances.addEventListener(kind, () => light(null));
  }
  element("save-picture").addEventListener("click", (event) => {
    event.currentTarget.href = canvas.toDataURL("image/png");
  });
  window.addEventListener("resize", redraw);
}

listen();
element("curl").textContent = `curl -F image=@photo.jpg ${location.origin}/predict`;
offerSamples();
follow();
