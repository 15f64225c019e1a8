// The models that failed, above everything else: nobody hovers over what looks right.

/** @import { Fault } from "./models.js" */

import { element, part } from "./elements.js";
import { plural, shortened } from "./words.js";

const LONGEST_REASON = 240;

/**
 * Show each model that failed; nothing where there is none.
 * @param {Fault[]} faults
 */
export function showFaults(faults) {
  const section = element("faults");
  section.hidden = !faults.length;
  element("faults-title").textContent = `${plural(faults.length, "model")} failed`;
  part(section, "ul", HTMLUListElement).replaceChildren(...faults.map(item));
}

/** @param {Fault} fault */
function item({ name, title, reason }) {
  const link = document.createElement("a");
  link.href = `/models/${encodeURIComponent(name)}`;
  link.textContent = title;
  const line = document.createElement("li");
  line.append(link, `: ${shortened(reason, LONGEST_REASON)}`);
  return line;
}
