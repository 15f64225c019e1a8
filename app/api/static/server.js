// Everything that the page asks of the server. Errors come out as `Problem`, in words.

export class Problem extends Error {
  constructor(detail, { status = 0, retryAfter = null, requestId = null } = {}) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** Whether the same request may well succeed a little later. */
  get isPassing() {
    return this.status === 503 || this.status === 0;
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
export async function picture(url) {
  return (await answer(url)).blob();
}

/** Ask for every instance down to `minScore`: the slider then filters what is here already. */
export async function predict(blob, { model, minScore }) {
  const query = new URLSearchParams({ min_score: minScore, masks: "rle" });
  if (model) query.set("model", model);
  const type = blob.type.startsWith("image/") ? blob.type : "application/octet-stream";
  return json(`/predict?${query}`, {
    method: "POST",
    body: blob,
    headers: { "Content-Type": type },
  });
}

async function json(url, options) {
  return (await answer(url, options)).json();
}

async function answer(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Problem("The server does not answer.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(problem.detail ?? `The server answered ${response.status}.`, {
    status: response.status,
    retryAfter: Number(response.headers.get("Retry-After")) || null,
    requestId: problem.request_id,
  });
}
