// Which models the server has, and whether it is ready: asked again and again, told on a change.

/** @import { Model } from "./server.js" */

import * as server from "./server.js";
import { Teller } from "./teller.js";

/** @typedef {{ name: string, title: string, reason: string }} Fault Of a model that failed. */
/**
 * An input as a model's signature declares it; null in `shape` is any length.
 * @typedef {object} Input
 * @property {string} name
 * @property {string} dtype
 * @property {(number | null)[]} shape
 * @property {"number" | "text" | "picture"} role
 * @property {string[]} [categories]
 * @property {boolean} [is_optional]
 */

const POLL_MS = 2000;
const CALM_POLL_MS = 30000;
// A refusal quotes no more of a model's reason.
const QUOTED = 200;

/** @extends {Teller<{ change: null }>} */
export class Models extends Teller {
  /** @type {Model[]} */
  #list = [];
  /**
   * The names of those that can be asked.
   * @type {string[]}
   */
  names = [];
  /**
   * Why no prediction can be made; null when one can, undefined as long as nobody knows.
   * @type {string | null | undefined}
   */
  reason = undefined;

  /** Ask for ever. */
  async follow() {
    for (;;) {
      await this.#ask();
      this.tell("change", null);
      await new Promise((resolve) => {
        setTimeout(resolve, this.reason === null ? CALM_POLL_MS : POLL_MS);
      });
    }
  }

  async #ask() {
    const reason = await server.notReadyReason();
    // A server that does not answer may still have the models that it had.
    this.#list = await server.models().catch(() => this.#list);
    const offered = this.#list.filter(({ state }) => !["failed", "unloaded"].includes(state));
    this.names = [...new Set(offered.map(({ name }) => name))];
    this.reason = reason;
  }

  get isReady() {
    return this.reason === null;
  }

  get isHopeless() {
    return this.#list.length > 0 && this.#list.every(({ state }) => state === "failed");
  }

  /** The model that the server itself takes where a request names none; "" where none is known. */
  get usual() {
    const name = this.#list.find((model) => model.default)?.name;
    return name !== undefined && this.names.includes(name) ? name : (this.names[0] ?? "");
  }

  /**
   * The least score that a model itself would answer with, or undefined.
   * @param {string} name
   */
  leastScore(name) {
    const model = this.#one(name);
    const least = model?.min_score ?? model?.config?.DETECTION_MIN_CONFIDENCE;
    return typeof least === "number" ? least : undefined;
  }

  /**
   * What its inputs and answers are like; "instances" as long as nobody knows.
   * @param {string} name
   */
  face(name) {
    return this.#one(name)?.face ?? "instances";
  }

  /**
   * The signatures of a model that takes values, the usual one first.
   * @param {string} name
   */
  signatures(name) {
    const { signatures = {}, default_signature = "" } = this.#one(name) ?? {};
    const others = Object.keys(signatures).filter((other) => other !== default_signature);
    return default_signature ? [default_signature, ...others] : others;
  }

  /**
   * The inputs of one of them.
   * @param {string} name
   * @param {string} signature
   * @returns {Input[]}
   */
  inputs(name, signature) {
    return Object(this.#one(name)?.signatures?.[signature]).inputs ?? [];
  }

  /**
   * What was assumed of a model because its file does not say.
   * @param {string} name
   */
  warnings(name) {
    return this.#one(name)?.warnings ?? [];
  }

  get text() {
    const ready = this.#list.filter(({ state }) => state === "ready");
    const failed = this.#list.filter(({ state }) => state === "failed").length;
    const text = ready.length === 1 ? `${ready[0].name} is ready` : "Ready";
    return failed ? `${text}; ${failed} failed` : text;
  }

  /** Why no prediction can be made, as far as the failures of the models do not say so. */
  get hint() {
    const reason = this.reason ?? "";
    const isTold = this.#list.some(({ error }) => error && reason.includes(error.slice(0, QUOTED)));
    return isTold ? "No prediction can be made: the reason stands above" : reason;
  }

  /** The models that failed. */
  get faults() {
    return this.#list.flatMap((model) => (model.error ? [fault(model, model.error)] : []));
  }

  /**
   * What the owner of a model wrote about it, and who answers where that is more than one; or "".
   * @param {string} name
   */
  about(name) {
    const versions = this.#list.filter((model) => model.name === name);
    return [this.#one(name)?.about, shares(versions)].filter(Boolean).join(" ");
  }

  /**
   * Of a model's versions the one that answers most: where they share no requests, the highest that
   * is ready.
   * @param {string} name
   */
  #one(name) {
    const versions = this.#list.filter((model) => model.name === name && !model.shadow);
    const ready = versions.filter(({ state }) => state === "ready");
    return (ready.length ? ready : versions)
      .sort((a, b) => (b.share ?? 0) - (a.share ?? 0) || b.version - a.version)
      .at(0);
  }
}

/**
 * How the versions of a model share its requests, in a sentence; "" where they do not.
 * @param {Model[]} versions
 */
function shares(versions) {
  const parts = versions
    .filter(({ share, shadow, state }) => share || (shadow && state === "ready"))
    .map(({ version, share, shadow }) => {
      const percent = Number((share ?? 0).toFixed(1));
      return `version ${version} ${shadow ? "gets a copy of each" : `answers ${percent} %`}`;
    });
  return parts.length ? `Of requests to ${versions[0].name} ${parts.join(", ")}.` : "";
}

/**
 * A model that failed as a person knows it: by its file where that has its name.
 * @param {Model} model
 * @param {string} error
 * @returns {Fault}
 */
function fault({ name, version, file = "" }, error) {
  const isKnownByFile = file.replace(/\.[^.]*$/, "") === name;
  let reason = error.replace(/\s+/g, " ");
  if (isKnownByFile && reason.startsWith(`${file}: `)) reason = reason.slice(file.length + 2);
  if (isKnownByFile && reason.startsWith(`${file} `)) reason = `it${reason.slice(file.length)}`;
  const title = isKnownByFile ? file : name;
  return { name, title: version > 1 ? `${title} version ${version}` : title, reason };
}
