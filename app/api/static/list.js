// The list of instances: a listbox whose rows stay, hidden or not, as the filter changes.

/** @import { Instance } from "./server.js" */

import { colour, css } from "./colours.js";
import { element, made } from "./elements.js";

/**
 * What a person does on the list; null when the pointer leaves.
 * @typedef {{ point: (index: number | null) => void, press: (index: number) => void }} Acts
 */

/** @type {Partial<Record<string, number>>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

export class InstanceList {
  #list = element("instances");
  /** @type {Instance[] | null} */
  #instances = null;
  /** @type {HTMLLIElement[]} */
  #rows = [];
  /** @type {number[]} */
  #indices = [];
  /** @type {number | null} */
  #active = null;

  /** @param {Acts} on */
  constructor(on) {
    this.on = on;
    const indexOf = (/** @type {Event} */ { target }) => {
      const row = target instanceof Element && target.closest("li");
      return row ? Number(row.dataset.index) : null;
    };
    this.#list.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "touch") on.point(indexOf(event));
    });
    this.#list.addEventListener("pointerleave", () => on.point(null));
    this.#list.addEventListener("click", (event) => {
      const index = indexOf(event);
      if (index !== null) on.press(index);
    });
    this.#list.addEventListener("focus", () => {
      // Reached by keyboard, the list singles out where it was left.
      if (this.#list.matches(":focus-visible")) this.step(0);
    });
    this.#list.addEventListener("keydown", (event) => this.#act(event));
  }

  /**
   * Show the instances at `indices`, `lit` of them singled out and `pinned` to stay.
   * @param {Instance[]} instances
   * @param {number[]} indices
   * @param {{ lit: number | null, pinned: number | null }} chosen
   */
  show(instances, indices, { lit, pinned }) {
    if (instances !== this.#instances) {
      this.#instances = instances;
      this.#rows = instances.map(row);
      this.#active = null;
      this.#list.replaceChildren(...this.#rows);
      this.#list.scrollTop = 0;
    }
    this.#indices = indices;
    const shown = new Set(indices);
    this.#rows.forEach((row, index) => {
      row.hidden = !shown.has(index);
      row.classList.toggle("lit", index === lit);
      row.setAttribute("aria-selected", String(index === pinned));
    });
    if (pinned !== null) this.#active = pinned;
    if (this.#active !== null && !shown.has(this.#active)) this.#active = null;
    if (this.#active === null) this.#list.removeAttribute("aria-activedescendant");
    else this.#list.setAttribute("aria-activedescendant", this.#rows[this.#active].id);
  }

  /**
   * Scroll the list, never the page, so far that a row is in sight.
   * @param {number} index
   */
  reveal(index) {
    const list = this.#list;
    const row = this.#rows[index];
    const top = row.offsetTop - list.offsetTop;
    const foot = top + row.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (foot > list.scrollTop + list.clientHeight) list.scrollTop = foot - list.clientHeight;
  }

  /**
   * Single out the instance so many rows on; the first or last one where there are no more.
   * @param {number} by
   */
  step(by) {
    if (!this.#indices.length) return;
    const at = this.#active === null ? -1 : this.#indices.indexOf(this.#active);
    const next = at < 0 ? (by < 0 ? Infinity : 0) : at + by;
    const last = this.#indices.length - 1;
    this.on.press(this.#indices[Math.max(0, Math.min(last, next))]);
  }

  /** @param {KeyboardEvent} event */
  #act(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    const by = STEPS[key];
    if (by !== undefined) this.step(by);
    else if (key === "Home") this.step(-Infinity);
    else if (key === "End") this.step(Infinity);
    else if (key === "Enter" || key === " ") this.step(0);
    else return;
    event.preventDefault();
  }
}

/** @param {Instance} instance @param {number} index */
function row({ label, score, area }, index) {
  const item = document.createElement("li");
  item.id = `instance-${index}`;
  item.setAttribute("role", "option");
  item.dataset.index = String(index);
  item.style.setProperty("--colour", css(colour(index)));
  for (const [kind, text] of [
    ["label", label],
    ["area", `${area.toLocaleString("en")} px`],
    ["score", score.toFixed(3)],
  ]) {
    item.append(made("span", kind, text), " ");
  }
  return item;
}
