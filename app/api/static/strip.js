// The strip of photos: a thumbnail each, with what becomes of it.

/** @import { Photo, Photos } from "./photos.js" */

import { element } from "./elements.js";
import { busyText, showProgress } from "./progress.js";

/** @typedef {Record<"button" | "retry" | "remove", HTMLButtonElement>} Buttons */
/** @typedef {Record<"image" | "name" | "status", HTMLSpanElement>} Words */
/** @typedef {Buttons & Words & { item: HTMLLIElement, progress: HTMLProgressElement }} Parts */
/** @typedef {(photo: Photo) => string} Found What was found on one, in short. */

/** @type {Partial<Record<string, number>>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

export class Strip {
  #photos;
  #list = element("photos");
  /** @type {Map<Photo, Parts>} */
  #items = new Map();

  /** @param {Photos} photos */
  constructor(photos) {
    this.#photos = photos;
    this.#list.addEventListener("keydown", (event) => this.#act(event));
  }

  /**
   * Show all photos.
   * @param {Found} found
   */
  show(found) {
    const { list, selected } = this.#photos;
    element("photos-field").hidden = !list.length;
    for (const [photo, { item }] of this.#items) {
      if (!list.includes(photo)) {
        item.remove();
        this.#items.delete(photo);
      }
    }
    for (const photo of list) {
      const parts = this.#items.get(photo) ?? this.#add(photo);
      update(parts, photo, photo === selected, found);
    }
  }

  /** Scroll the strip, never the page, so far that the selected photo is in sight. */
  reveal() {
    const item = this.#selected?.item;
    const strip = this.#list.parentElement;
    if (!item || !strip) return;
    const left = item.offsetLeft - strip.offsetLeft;
    const right = left + item.offsetWidth;
    if (left < strip.scrollLeft) strip.scrollLeft = left;
    else if (right > strip.scrollLeft + strip.clientWidth) {
      strip.scrollLeft = right - strip.clientWidth;
    }
  }

  /** @param {Photo} photo */
  #add(photo) {
    /** @type {Parts} */
    const parts = {
      item: document.createElement("li"),
      button: button("thumb", () => this.#photos.select(photo)),
      image: document.createElement("span"),
      progress: document.createElement("progress"),
      name: document.createElement("span"),
      status: document.createElement("span"),
      retry: button("retry", () => this.#photos.retry(photo)),
      remove: button("remove", () => this.#remove(photo)),
    };
    parts.image.className = "image";
    parts.name.className = "name";
    parts.name.textContent = photo.name;
    parts.status.className = "status";
    parts.progress.setAttribute("aria-hidden", "true");
    parts.button.title = photo.name;
    parts.button.append(parts.image, parts.progress, parts.name, parts.status);
    parts.retry.textContent = "Try again";
    parts.retry.setAttribute("aria-label", `Try ${photo.name} again`);
    parts.remove.textContent = "×";
    parts.remove.setAttribute("aria-label", `Remove ${photo.name}`);
    parts.item.append(parts.button, parts.retry, parts.remove);
    this.#items.set(photo, parts);
    this.#list.append(parts.item);
    return parts;
  }

  /** @param {KeyboardEvent} event */
  #act(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { list, selected } = this.#photos;
    const by = STEPS[event.key];
    if (event.key === "Delete" && selected) this.#remove(selected);
    else if (by !== undefined && selected) {
      const next = list.indexOf(selected) + by;
      this.#photos.select(list[Math.max(0, Math.min(list.length - 1, next))]);
      this.#focus();
    } else return;
    event.preventDefault();
  }

  /** @param {Photo} photo */
  #remove(photo) {
    this.#photos.remove(photo);
    this.#focus();
  }

  #focus() {
    (this.#selected?.button ?? element("pick")).focus();
  }

  /** The parts of the selected photo. */
  get #selected() {
    const { selected } = this.#photos;
    return selected && this.#items.get(selected);
  }
}

/**
 * @param {Parts} parts
 * @param {Photo} photo
 * @param {boolean} isSelected
 * @param {Found} found
 */
function update(parts, photo, isSelected, found) {
  const { item, button, image, progress, status, retry, remove } = parts;
  const text = statusText(photo, found);
  item.dataset.state = photo.state;
  if (status.textContent !== text) status.textContent = text;
  if (photo.thumbnail && !image.firstChild) image.append(photo.thumbnail);
  progress.hidden = photo.isOver || photo.state === "waiting";
  showProgress(progress, photo);
  retry.hidden = !photo.problem?.isPassing;
  if (isSelected) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  // Tab goes to the selected photo and past the strip; arrow keys go along it.
  for (const part of [button, retry, remove]) part.tabIndex = isSelected ? 0 : -1;
}

/** @param {Photo} photo @param {Found} found */
function statusText(photo, found) {
  if (photo.state === "done") return found(photo);
  if (photo.problem) return `Failed: ${photo.problem.title}`;
  return busyText(photo);
}

/** @param {string} kind @param {() => void} act */
function button(kind, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.addEventListener("click", act);
  return made;
}
