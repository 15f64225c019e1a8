// What the page asks of the prediction log. Errors come out as `Problem`, in words.

import { json } from "../server.js";

/** @typedef {Record<string, string>} Filter By the names of the parameters. */

// A server answers a little after the time that it was given.
const GRACE_MS = 8_000;

/**
 * A page of rows, the newest first.
 * @param {Filter} filter
 * @param {string | null} cursor
 * @returns {Promise<contract.LoggedRows>}
 */
export function rows(filter, cursor = null) {
  return json(address("/predictions", { ...filter, format: "json", ...(cursor ? { cursor } : {}) }));
}

/**
 * The rows that come after a place, the oldest first, once there are any.
 * @param {Filter} filter
 * @param {string} after
 * @param {number} waitS
 * @param {AbortSignal} signal
 * @returns {Promise<contract.LoggedRows>}
 */
export function coming(filter, after, waitS, signal) {
  const asked = { ...filter, format: "json", after, wait_s: String(waitS) };
  return json(address("/predictions", asked), { signal }, waitS * 1000 + GRACE_MS);
}

/**
 * The log at a glance.
 * @param {Filter} filter
 * @returns {Promise<contract.LogSummary>}
 */
export function summary(filter) {
  return json(address("/predictions:summary", filter));
}

/**
 * One prediction with what was answered.
 * @param {string} id
 * @returns {Promise<contract.LoggedPrediction>}
 */
export function prediction(id) {
  return json(`/predictions/${id}`);
}

/**
 * Tell what is true of a prediction.
 * @param {string} id
 * @param {object} truth
 * @returns {Promise<contract.Recorded>}
 */
export function tell(id, truth) {
  return json("/feedback", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ prediction_id: id, truth }),
  });
}

/** @param {string} path @param {Record<string, string>} parameters */
export function address(path, parameters) {
  return `${path}?${new URLSearchParams(parameters)}`.replace(/\?$/, "");
}
