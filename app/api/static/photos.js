// The photos and what becomes of each: it waits its turn, is uploaded, is looked at, is done or
// failed. Two are on their way at a time. Tells of every change; draws nothing.

/** @import { Decoder } from "./decoder.js" */
/** @import { Limits } from "./limits.js" */
/** @import { Prediction } from "./server.js" */

import { Problem, picture, predict } from "./server.js";
import { Teller } from "./teller.js";
import { sentence } from "./words.js";

/** @typedef {"waiting" | "fetching" | "uploading" | "predicting" | "pausing"} Busy */
/** @typedef {{ width: number, height: number }} Size */
/** @typedef {{ prediction: Prediction, wallMs: number }} Answer */
/** @typedef {{ change: Photo, remove: Photo, select: Photo | null }} News */

const LANES = 2;
// How often a server that is busy is asked again, and how long it is waited for each time.
const PATIENCE = 5;
const SHORTEST_PAUSE_S = 1;
const LONGEST_PAUSE_S = 60;
const USUAL_PAUSE_S = 3;

export class Photo {
  /** @type {Busy | "done" | "failed"} */
  state = "waiting";
  sent = 0;
  note = "";
  /** @type {Problem | null} */
  problem = null;
  /** @type {Map<string, Answer>} */
  answers = new Map(); // By model.
  /** @type {HTMLCanvasElement | null} */
  thumbnail = null;
  /** @type {Size | null} */
  size = null;
  isUndecodable = false;

  /**
   * A picture at hand, or one to be fetched from `url`, for a model; "" is the server's own choice.
   * @param {{ name: string, model: string, blob?: Blob | null, url?: string }} picture
   */
  constructor({ name, model, blob = null, url = "" }) {
    this.name = name;
    this.model = model;
    this.blob = blob;
    this.url = url;
  }

  /** What its model said, if it has. */
  get answer() {
    return this.answers.get(this.model);
  }

  get isOver() {
    return this.state === "done" || this.state === "failed";
  }
}

/** @extends {Teller<News>} */
export class Photos extends Teller {
  /** @type {Photo[]} */
  list = [];
  /** @type {Photo | null} */
  selected = null;
  /** @type {Map<Photo, AbortController>} */
  #running = new Map();
  #decoder;
  #limits;
  #asks;
  #isHopeless;

  /**
   * `asks` says what a model is asked for beside the picture; `isHopeless`, whether no model will
   * ever answer, so that waiting is in vain.
   * @param {{ decoder: Decoder, limits: Limits, isHopeless: () => boolean,
   *   asks: (model: string) => Record<string, string> }} parts
   */
  constructor({ decoder, limits, asks, isHopeless }) {
    super();
    this.#decoder = decoder;
    this.#limits = limits;
    this.#asks = asks;
    this.#isHopeless = isHopeless;
  }

  /**
   * Put photos at the end of the line, and look at the first of them.
   * @param {Photo[]} photos
   */
  add(photos) {
    if (!photos.length) return;
    this.list.push(...photos);
    for (const photo of photos) if (photo.blob) this.#decoder.decode(photo);
    this.select(photos[0]);
    this.#next();
  }

  /** @param {Photo | null} photo */
  select(photo) {
    this.selected = photo;
    this.tell("select", photo);
  }

  /** @param {Photo} photo */
  remove(photo) {
    const at = this.list.indexOf(photo);
    this.#running.get(photo)?.abort();
    this.list = this.list.filter((other) => other !== photo);
    this.#decoder.forget(photo);
    this.tell("remove", photo);
    if (photo === this.selected) this.select(this.list[Math.min(at, this.list.length - 1)] ?? null);
    this.#next();
  }

  /**
   * Have a photo looked at by another model; what that said before is still known.
   * @param {Photo} photo
   * @param {string} model
   */
  ask(photo, model) {
    if (photo.model === model) return;
    this.#running.get(photo)?.abort();
    photo.model = model;
    this.#become(photo, photo.answer ? "done" : "waiting");
    this.#next();
  }

  /** @param {Photo} photo */
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

  /** @param {Photo} photo */
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

  /** @param {Photo} photo @param {AbortSignal} signal */
  async #process(photo, signal) {
    if (!photo.blob) {
      this.#become(photo, "fetching");
      photo.blob = await picture(photo.url, signal);
    }
    const { blob } = photo;
    this.#refuse(blob, photo.size);
    await this.#decoder.decode(photo);
    signal.throwIfAborted();
    this.#refuse(blob, photo.size);
    const answer = await this.#askPatiently(photo, blob, signal);
    photo.answers.set(photo.model, answer);
    this.#become(photo, "done");
  }

  /** @param {Blob} blob @param {Size | null} size */
  #refuse(blob, size) {
    const problem = this.#limits.refusal(blob, size);
    if (problem) throw problem;
  }

  /**
   * Predict, again a few times where the server asks for patience.
   * @param {Photo} photo
   * @param {Blob} blob
   * @param {AbortSignal} signal
   */
  async #askPatiently(photo, blob, signal) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#askOnce(photo, blob, signal);
      } catch (problem) {
        if (!(problem instanceof Problem && problem.isBusy)) throw problem;
        if (tries > PATIENCE || this.#isHopeless()) throw problem;
        const asked = problem.retryAfter ?? USUAL_PAUSE_S;
        const wait = Math.min(Math.max(asked, SHORTEST_PAUSE_S), LONGEST_PAUSE_S);
        const reason = sentence(problem.detail || problem.title);
        const again = `Trying again in ${Math.ceil(wait)} s, ${tries} of ${PATIENCE} times.`;
        this.#become(photo, "pausing", `${reason} ${again}`);
        await pause(wait * 1000, signal);
      }
    }
  }

  /** @param {Photo} photo @param {Blob} blob @param {AbortSignal} signal */
  async #askOnce(photo, blob, signal) {
    this.#become(photo, "uploading");
    photo.sent = 0;
    const start = performance.now();
    const prediction = await predict(blob, {
      model: photo.model,
      parameters: this.#asks(photo.model),
      signal,
      onSent: (share) => {
        photo.sent = share;
        if (!signal.aborted) this.#become(photo, share < 1 ? "uploading" : "predicting");
      },
    });
    return { prediction, wallMs: performance.now() - start };
  }

  /** @param {Photo} photo @param {unknown} error */
  #fail(photo, error) {
    photo.problem = error instanceof Problem ? error : mistake(error);
    this.#become(photo, "failed");
  }

  /** @param {Photo} photo @param {Photo["state"]} state */
  #become(photo, state, note = "") {
    photo.state = state;
    photo.note = note;
    if (state !== "failed") photo.problem = null;
    this.tell("change", photo);
  }
}

/** @param {unknown} error */
function mistake(error) {
  console.error(error);
  const detail = error instanceof Error ? error.message : String(error);
  return new Problem("The page made a mistake", detail);
}

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
