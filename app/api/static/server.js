// Everything that the page asks of the server. Errors come out as `Problem`, in words.

// What a proxy in front of the server says without a word of its own.
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
const PASSING = new Set([0, 408, 429, 499, 500, 502, 503, 504]);

export class Problem extends Error {
  /** `status` is 0 where no answer came, and null where the page itself refused. */
  constructor(title, detail, { status = null, retryAfter = null, ...members } = {}) {
    super(detail || title);
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.retryAfter = retryAfter;
    this.members = members;
  }

  /** Whether the same request may succeed another time. */
  get isPassing() {
    return PASSING.has(this.status);
  }

  /** Whether the server asked for patience. */
  get isBusy() {
    return this.status === 429 || this.status === 503;
  }
}

/** The models of the repository: `{name, version, state, error, default, …}`. */
export async function models() {
  return (await json("/v1/models")).models;
}

/** The sample pictures: `{model, name, url}`. */
export async function samples() {
  return (await json("/samples")).samples;
}

/** Null when predictions can be made, else the reason why not. */
export async function notReadyReason() {
  try {
    await json("/readyz");
    return null;
  } catch (problem) {
    return problem.message;
  }
}

/** The bytes of a sample. */
export async function picture(url, signal) {
  return (await answer(url, signal)).blob();
}

/**
 * Ask for every instance down to `minScore`. `onSent` hears how much of the picture is on its way,
 * 0 to 1, which `fetch` cannot tell. An aborted `signal` rejects with its reason.
 */
export function predict(blob, { model, minScore, onSent, signal }) {
  const query = new URLSearchParams({ min_score: minScore, masks: "rle" });
  if (model) query.set("model", model);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/predict?${query}`);
    const type = blob.type.startsWith("image/") ? blob.type : "application/octet-stream";
    request.setRequestHeader("Content-Type", type);
    request.upload.addEventListener("progress", ({ loaded, total }) => onSent(loaded / total));
    request.upload.addEventListener("load", () => onSent(1));
    request.addEventListener("load", () => {
      const { status, responseText } = request;
      if (status !== 200) {
        reject(problemOf(status, responseText, request.getResponseHeader("Retry-After")));
        return;
      }
      const prediction = parsed(responseText);
      if (prediction?.instances) resolve(prediction);
      else reject(new Problem("The server's answer cannot be read", "", { status: 502 }));
    });
    request.addEventListener("error", async () => reject(await silence(blob)));
    signal?.addEventListener("abort", () => {
      request.abort();
      reject(signal.reason);
    });
    request.send(blob);
  });
}

async function json(url) {
  return (await answer(url)).json();
}

async function answer(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw await silence();
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  throw problemOf(response.status, text, response.headers.get("Retry-After"));
}

/** The problem where no answer came: the network's, or a file's that is no longer there. */
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

function problemOf(status, text, retryAfter) {
  const document = parsed(text) ?? {};
  const title = document.title ?? TITLES[status] ?? `The server answered ${status}`;
  return new Problem(title, document.detail ?? "", {
    ...document,
    status,
    retryAfter: seconds(retryAfter),
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `Retry-After` is a number of seconds, or a date. */
function seconds(retryAfter) {
  if (!retryAfter) return null;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const until = Date.parse(retryAfter);
  return Number.isNaN(until) ? null : Math.max(0, (until - Date.now()) / 1000);
}
