// The photos and what becomes of each: it waits its turn, is uploaded, is looked at, is done or
// failed. Two are on their way at a time. Tells of every change; draws nothing.

import { Problem, picture, predict } from "./server.js";
import { sentence } from "./words.js";

// Asked for once; the slider goes no lower.
const MIN_SCORE = 0.05;
const LANES = 2;
// How often a server that is busy is asked again, and how long it is waited for each time.
const PATIENCE = 5;
const SHORTEST_PAUSE_S = 1;
const LONGEST_PAUSE_S = 60;
const USUAL_PAUSE_S = 3;

export class Photo {
  /** A picture at hand, or one to be fetched from `url`, for a model; "" is the server's own choice. */
  constructor({ name, model, blob = null, url = null }) {
    this.name = name;
    this.model = model;
    this.blob = blob;
    this.url = url;
    this.state = "waiting"; // fetching, uploading, predicting, pausing, done, failed
    this.sent = 0;
    this.note = "";
    this.problem = null;
    this.answers = new Map(); // Model: {prediction, wallMs}
    this.thumbnail = null;
    this.size = null;
    this.isUndecodable = false;
  }

  /** What its model said, if it has. */
  get answer() {
    return this.answers.get(this.model);
  }

  get isOver() {
    return this.state === "done" || this.state === "failed";
  }
}

export class Photos extends EventTarget {
  list = [];
  selected = null;
  #running = new Map(); // Photo: AbortController
  #decoder;
  #limits;
  #isHopeless;

  /** `isHopeless()` says whether no model will ever answer, so that waiting is in vain. */
  constructor({ decoder, limits, isHopeless }) {
    super();
    this.#decoder = decoder;
    this.#limits = limits;
    this.#isHopeless = isHopeless;
  }

  /** Put photos at the end of the line, and look at the first of them. */
  add(photos) {
    if (!photos.length) return;
    this.list.push(...photos);
    for (const photo of photos) if (photo.blob) this.#decoder.decode(photo);
    this.select(photos[0]);
    this.#next();
  }

  select(photo) {
    this.selected = photo;
    this.#tell("select", photo);
  }

  remove(photo) {
    const at = this.list.indexOf(photo);
    this.#running.get(photo)?.abort();
    this.list = this.list.filter((other) => other !== photo);
    this.#decoder.forget(photo);
    this.#tell("remove", photo);
    if (photo === this.selected) this.select(this.list[Math.min(at, this.list.length - 1)] ?? null);
    this.#next();
  }

  /** Have a photo looked at by another model; what that said before is still known. */
  ask(photo, model) {
    if (photo.model === model) return;
    this.#running.get(photo)?.abort();
    photo.model = model;
    this.#become(photo, photo.answer ? "done" : "waiting");
    this.#next();
  }

  retry(photo) {
    if (photo.state !== "failed") return;
    this.#become(photo, "waiting");
    this.#next();
  }

  #next() {
    for (const photo of this.list) {
      if (this.#running.size >= LANES) return;
      if (photo.state === "waiting" && !this.#running.has(photo)) this.#run(photo);
    }
  }

  async #run(photo) {
    const controller = new AbortController();
    this.#running.set(photo, controller);
    try {
      await this.#process(photo, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) this.#fail(photo, error);
    }
    this.#running.delete(photo);
    this.#next();
  }

  async #process(photo, signal) {
    if (!photo.blob) {
      this.#become(photo, "fetching");
      photo.blob = await picture(photo.url, signal);
    }
    this.#refuse(photo);
    await this.#decoder.decode(photo);
    signal.throwIfAborted();
    this.#refuse(photo);
    const answer = await this.#askPatiently(photo, signal);
    photo.answers.set(photo.model, answer);
    this.#become(photo, "done");
  }

  #refuse(photo) {
    const problem = this.#limits.refusal(photo.blob, photo.size);
    if (problem) throw problem;
  }

  /** Predict, again a few times where the server asks for patience. */
  async #askPatiently(photo, signal) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#askOnce(photo, signal);
      } catch (problem) {
        if (!problem.isBusy || tries > PATIENCE || this.#isHopeless()) throw problem;
        const asked = problem.retryAfter ?? USUAL_PAUSE_S;
        const wait = Math.min(Math.max(asked, SHORTEST_PAUSE_S), LONGEST_PAUSE_S);
        const reason = sentence(problem.detail || problem.title);
        const again = `Trying again in ${Math.ceil(wait)} s, ${tries} of ${PATIENCE} times.`;
        this.#become(photo, "pausing", `${reason} ${again}`);
        await pause(wait * 1000, signal);
      }
    }
  }

  async #askOnce(photo, signal) {
    this.#become(photo, "uploading");
    photo.sent = 0;
    const start = performance.now();
    const prediction = await predict(photo.blob, {
      model: photo.model,
      minScore: MIN_SCORE,
      signal,
      onSent: (share) => {
        photo.sent = share;
        if (!signal.aborted) this.#become(photo, share < 1 ? "uploading" : "predicting");
      },
    });
    return { prediction, wallMs: performance.now() - start };
  }

  #fail(photo, error) {
    const isProblem = error instanceof Problem;
    if (!isProblem) console.error(error);
    photo.problem = isProblem ? error : new Problem("The page made a mistake", error.message);
    this.#become(photo, "failed");
  }

  #become(photo, state, note = "") {
    photo.state = state;
    photo.note = note;
    if (state !== "failed") photo.problem = null;
    this.#tell("change", photo);
  }

  #tell(type, photo) {
    this.dispatchEvent(new CustomEvent(type, { detail: photo }));
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
