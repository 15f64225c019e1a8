// Everything that the page asks of the server. Errors come out as `Problem`, in words.

/** @typedef {Pick<contract.PredictAnswer, "model" | "version" | "timing_ms">} Told By any model. */
/** @typedef {contract.Instance & { mask: contract.RleMask }} Instance As the page asks for it. */
/** @typedef {Pick<contract.PredictAnswer, "image">} OfPicture */
/** @typedef {{ label: string, class_id: number, score: number }} Class */
/** @typedef {contract.Segment & { mask: contract.RleMask }} Segment As the page asks for it. */
/** @typedef {{ instances: Instance[] } | { predictions: Class[] } | { segments: Segment[] }} Found */
/** @typedef {Told & OfPicture & Found} Prediction */
/** @typedef {Told & { outputs: Record<string, unknown> }} Outputs */
/** @typedef {contract.ModelStatus & { min_score?: number }} Model With what its kind tells. */

/**
 * What a proxy in front of the server says without a word of its own.
 * @type {Partial<Record<number, string>>}
 */
const TITLES = {
  401: "The server wants to know who asks",
  403: "The server does not allow this",
  404: "There is no such thing on the server",
  413: "The picture is too large for the server",
  429: "The server has too much to do",
  502: "The server cannot be reached behind its proxy",
  503: "The server is not ready",
  504: "The server took too long",
};
/** @type {Set<number | null>} */
const PASSING = new Set([0, 408, 429, 499, 500, 502, 503, 504]);
// A server that has not answered what needs no thought by then has stopped, or its network has.
const LONGEST_SILENCE_MS = 10_000;

export class Problem extends Error {
  /**
   * `status` is 0 where no answer came, and null where the page itself refused.
   * @param {string} title
   * @param {string} detail
   * @param {{ status?: number | null, retryAfter?: number | null, requestId?: string,
   *   field?: string }} [told]
   */
  constructor(title, detail, { status = null, retryAfter = null, requestId = "", field } = {}) {
    super(detail || title);
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
    this.field = field;
  }

  /** Whether the same request may succeed another time. */
  get isPassing() {
    return PASSING.has(this.status);
  }

  /** By what its log knows the request, where the server is to blame; else "". */
  get request() {
    const isTheServers = this.status !== null && this.status >= 500 && this.requestId;
    return isTheServers ? `Request ${this.requestId}` : "";
  }

  /** Whether the server asked for patience. */
  get isBusy() {
    return this.status === 429 || this.status === 503;
  }
}

/**
 * The models of the repository.
 * @returns {Promise<Model[]>}
 */
export function models() {
  return listed("/models", "models");
}

/**
 * The sample pictures.
 * @returns {Promise<contract.Sample[]>}
 */
export function samples() {
  return listed("/samples", "samples");
}

/** Null when predictions can be made, else the reason why not. */
export async function notReadyReason() {
  try {
    await json("/readyz");
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The bytes of a sample.
 * @param {string} url
 * @param {AbortSignal} signal
 */
export async function picture(url, signal) {
  return (await answer(url, { signal })).blob();
}

/**
 * The picture with what a model says of it, as the server draws it.
 * @param {Blob} blob
 * @param {string} model
 */
export async function drawing(blob, model) {
  const headers = { "Content-Type": typeOf(blob) };
  const address = addressOf({ model, format: "png" });
  return (await answer(address, { method: "POST", headers, body: blob })).blob();
}

/**
 * What comes out for one instance, which is given as JSON, of a signature, or of the usual one.
 * @param {string} instance
 * @param {{ model: string, signature: string }} asked
 * @returns {Promise<Outputs>}
 */
export async function outputs(instance, { model, signature }) {
  const headers = { "Content-Type": "application/json" };
  const body = `{"instances": [${instance}]}`;
  const address = addressOf(signature ? { model, signature } : { model });
  const response = await answer(address, { method: "POST", headers, body });
  const prediction = parsed(await response.text())?.predictions?.[0];
  if (typeof Object(prediction).outputs !== "object") throw unreadable();
  return prediction;
}

/**
 * @typedef {object} Asked
 * @property {string} model
 * @property {Record<string, string>} parameters Beside it.
 * @property {(share: number) => void} onSent
 * @property {AbortSignal} signal
 */

/**
 * Ask what a picture shows. `onSent` hears how much of it is on its way, 0 to 1, which `fetch`
 * cannot tell. An aborted `signal` rejects with its reason.
 * @param {Blob} blob
 * @param {Asked} asked
 * @returns {Promise<Prediction>}
 */
export function predict(blob, { model, parameters, onSent, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", addressOf({ model, ...parameters }));
    request.setRequestHeader("Content-Type", typeOf(blob));
    request.upload.addEventListener("progress", ({ loaded, total }) => onSent(loaded / total));
    request.upload.addEventListener("load", () => onSent(1));
    request.addEventListener("load", () => {
      const { status, responseText } = request;
      if (status !== 200) {
        reject(problemOf(status, responseText, request.getResponseHeader("Retry-After")));
        return;
      }
      const prediction = parsed(responseText);
      const { instances, predictions, segments } = Object(prediction);
      if (Array.isArray(instances ?? predictions ?? segments)) resolve(prediction);
      else reject(unreadable());
    });
    request.addEventListener("error", async () => reject(await silence(blob)));
    signal.addEventListener("abort", () => {
      request.abort();
      reject(signal.reason);
    });
    request.send(blob);
  });
}

/**
 * A list that the server answers with under a name.
 * @param {string} url
 * @param {string} name
 */
async function listed(url, name) {
  const list = (await json(url))[name];
  if (!Array.isArray(list)) throw unreadable();
  return list;
}

/**
 * Where predictions are asked for; a model of no name is the server's own choice.
 * @param {Record<string, string>} parameters
 */
function addressOf({ model, ...others }) {
  return `/predict?${new URLSearchParams(model ? { model, ...others } : others)}`;
}

/** @param {Blob} picture */
function typeOf({ type }) {
  return type.startsWith("image/") ? type : "application/octet-stream";
}

/**
 * What the server says as JSON; an error of its own comes out where the request was called off.
 * @param {string} url
 * @param {RequestInit} options
 * @param {number} patienceMs
 * @returns {Promise<any>}
 */
export async function json(url, options = {}, patienceMs = LONGEST_SILENCE_MS) {
  const waiting = new AbortController();
  const stop = () => waiting.abort();
  const timer = setTimeout(stop, patienceMs);
  options.signal?.addEventListener("abort", stop);
  try {
    const read = parsed(await (await answer(url, { ...options, signal: waiting.signal })).text());
    if (read === null) throw unreadable();
    return read;
  } catch (error) {
    throw error instanceof Problem ? error : await silence();
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", stop);
  }
}

/** @param {string} url @param {RequestInit} options */
async function answer(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw await silence();
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  throw problemOf(response.status, text, response.headers.get("Retry-After"));
}

/**
 * The problem where no answer came: the network's, or a file's that is no longer there.
 * @param {Blob} [blob]
 */
async function silence(blob) {
  const isReadable = await blob?.slice(0, 1).arrayBuffer().then(() => true, () => false);
  if (blob && !isReadable) {
    const detail = "It is a folder, or was moved or changed after it was chosen.";
    return new Problem("The file cannot be read", detail);
  }
  if (!navigator.onLine) return new Problem("This device is offline", "", { status: 0 });
  const detail = "It has stopped, or the network to it is down.";
  return new Problem("The server does not answer", detail, { status: 0 });
}

const unreadable = () => new Problem("The server's answer cannot be read", "", { status: 502 });

/** @param {number} status @param {string} text @param {string | null} retryAfter */
function problemOf(status, text, retryAfter) {
  const { title, detail, request_id: requestId, field } = wordsOf(parsed(text));
  return new Problem(title || TITLES[status] || `The server answered ${status}`, detail ?? "", {
    status,
    retryAfter: seconds(retryAfter),
    requestId,
    field,
  });
}

/**
 * The members of a problem that are texts: what a proxy tells may be of any shape.
 * @param {unknown} problem
 * @returns {Partial<Record<keyof contract.Problem, string>>}
 */
function wordsOf(problem) {
  const members = Object.entries(Object(problem));
  return Object.fromEntries(members.filter(([, member]) => typeof member === "string"));
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * `Retry-After` is a number of seconds, or a date.
 * @param {string | null} retryAfter
 */
function seconds(retryAfter) {
  if (!retryAfter) return null;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const until = Date.parse(retryAfter);
  return Number.isNaN(until) ? null : Math.max(0, (until - Date.now()) / 1000);
}
