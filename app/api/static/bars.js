// Scores as bars: a label, a bar and a percentage each, the best first.

import { tenthsOfPercent } from "./words.js";

/** @typedef {{ label: string, score: number }} Bar A score is from 0 to 1. */

/** @param {HTMLOListElement} list @param {Bar[]} bars */
export function showBars(list, bars) {
  list.replaceChildren(...bars.map(row));
}

/** @param {Bar} bar */
function row({ label, score }) {
  const item = document.createElement("li");
  item.style.setProperty("--share", String(score));
  for (const [kind, text] of [
    ["label", label],
    ["score", tenthsOfPercent(score)],
  ]) {
    const part = document.createElement("span");
    part.className = kind;
    part.textContent = text;
    item.append(part, " ");
  }
  return item;
}
