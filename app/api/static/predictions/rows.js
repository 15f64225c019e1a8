// The table: rows are put above what is there as they come, and below it as a person asks.

import { element, made } from "../elements.js";
import { milliseconds } from "../words.js";
import { moment } from "./moments.js";

// A page that stays open for days does not keep them all.
const MOST_ROWS = 1000;

export class Rows {
  #body = element("rows");
  #chosen = "";

  /** @param {(id: string) => void} open Called with the prediction whose row is pressed. */
  constructor(open) {
    this.#body.addEventListener("click", ({ target }) => {
      const row = target instanceof Element && target.closest("tr");
      if (row && row.dataset.id) open(row.dataset.id);
    });
  }

  /** Take all rows away. */
  clear() {
    this.#body.replaceChildren();
  }

  /** Whether there is no row. */
  get isEmpty() {
    return !this.#body.children.length;
  }

  /** @param {contract.LoggedRow[]} rows The newest first, all older than those that are there. */
  below(rows) {
    this.#body.append(...rows.map((row) => this.#made(row)));
  }

  /** @param {contract.LoggedRow[]} rows The oldest first, all newer than those that are there. */
  above(rows) {
    const added = rows.map((row) => this.#made(row));
    for (const row of added) row.classList.add("new");
    this.#body.prepend(...added.reverse());
    while (this.#body.children.length > MOST_ROWS) this.#body.lastElementChild?.remove();
  }

  /** @param {string} id Of the prediction that is shown; "" is none. */
  choose(id) {
    this.#chosen = id;
    for (const row of this.#body.rows) mark(row, id);
  }

  /** @param {string} id @param {boolean | null} agrees */
  judge(id, agrees) {
    for (const row of this.#body.rows) {
      if (row.dataset.id === id) row.lastElementChild?.replaceWith(verdict(agrees));
    }
  }

  /** @param {contract.LoggedRow} row */
  #made(row) {
    const line = made("tr", "");
    line.dataset.id = row.prediction_id;
    const time = made("td", "");
    // Rows are reached by the keyboard too.
    const button = made("button", "", moment(row.created_at));
    button.type = "button";
    button.title = row.created_at;
    time.append(button);
    const label = row.label ?? (row.predicted_class > 0 ? `class ${row.predicted_class}` : "");
    const score = row.score === null ? "" : row.score.toFixed(3);
    line.append(
      time,
      made("td", "", `${row.model_name} ${row.model_version}`),
      made("td", label ? "label" : "label none", label || nameless(row)),
      made("td", "number", score),
      made("td", "", row.input_shape),
      made("td", "number", milliseconds(row.processing_time_ms)),
      verdict(row.agrees),
    );
    mark(line, this.#chosen);
    return line;
  }
}

/** @param {contract.LoggedRow} row */
function nameless({ predicted_class: number, class_probabilities: numbers }) {
  if (number < 0) return numbers.slice(0, 3).map((one) => one?.toPrecision(4) ?? "null").join(", ");
  return numbers.length ? `class ${number}` : "nothing found";
}

/** @param {HTMLTableRowElement} row @param {string} id */
function mark(row, id) {
  row.setAttribute("aria-selected", String(row.dataset.id === id));
}

/** @param {boolean | null} agrees */
function verdict(agrees) {
  if (agrees === null) return made("td", "none", "–");
  return made("td", agrees ? "yes" : "no", agrees ? "agrees" : "differs");
}
