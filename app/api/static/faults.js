// The models that failed, above everything else: nobody hovers over what looks right.

import { plural, shortened } from "./words.js";

const LONGEST_REASON = 240;

/** Show `{name, title, reason}` of each model that failed; nothing where there is none. */
export function showFaults(faults) {
  const section = document.getElementById("faults");
  section.hidden = !faults.length;
  document.getElementById("faults-title").textContent = `${plural(faults.length, "model")} failed`;
  section.querySelector("ul").replaceChildren(...faults.map(item));
}

function item({ name, title, reason }) {
  const link = document.createElement("a");
  link.href = `/v1/models/${encodeURIComponent(name)}`;
  link.textContent = title;
  const line = document.createElement("li");
  line.append(link, `: ${shortened(reason, LONGEST_REASON)}`);
  return line;
}
