// Of an answer: which model gave it, how long it took, and what was assumed of that model.

/** @import { Told } from "./server.js" */

import { made } from "./elements.js";
import { milliseconds, tenths } from "./words.js";

/**
 * Show the facts of an answer in a list of terms.
 * @param {HTMLElement} place
 * @param {{ prediction: Told & Partial<{ image: { width: number, height: number } }>,
 *   wallMs: number }} answer
 * @param {string[]} warnings
 */
export function showFacts(place, { prediction, wallMs }, warnings) {
  const { model, version, image, timing_ms: timing } = prediction;
  const { decode, queue, inference, encode } = timing;
  const rows = [
    ["Model", `${model}, version ${version}`],
    ...(image ? [["Picture", `${image.width} × ${image.height}`]] : []),
    ["Inference", milliseconds(inference)],
    ["Decode, queue, encode", `${[decode, queue, encode].map(tenths).join(", ")} ms`],
    ["Seen from here", milliseconds(wallMs)],
  ].flatMap(([term, text]) => [made("dt", "", term), made("dd", "", text)]);
  if (warnings.length) rows.push(made("dt", "", "Assumed, as the model's file does not say:"));
  place.replaceChildren(...rows, ...warnings.map((text) => made("dd", "assumed", text)));
}
