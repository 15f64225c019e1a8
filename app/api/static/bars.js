// Scores as bars: a label, a bar and a percentage each, the best first.

import { made } from "./elements.js";
import { tenthsOfPercent } from "./words.js";

/** @typedef {{ label: string, score: number, colour?: string }} Bar A score is from 0 to 1. */

/** @param {HTMLOListElement} list @param {Bar[]} bars */
export function showBars(list, bars) {
  list.replaceChildren(...bars.map(row));
}

/** @param {Bar} bar */
function row({ label, score, colour = "" }) {
  const item = made("li", "");
  item.style.setProperty("--share", String(score));
  if (colour) item.style.setProperty("--colour", colour);
  item.append(made("span", "label", label), " ", made("span", "score", tenthsOfPercent(score)));
  return item;
}
