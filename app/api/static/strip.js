// The strip of photos: a thumbnail each, with what becomes of it.

import { busyText, showProgress } from "./progress.js";
import { plural } from "./words.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

export class Strip {
  #photos;
  #list = document.getElementById("photos");
  #items = new Map(); // Photo: its elements.

  constructor(photos) {
    this.#photos = photos;
    this.#list.addEventListener("keydown", (event) => this.#act(event));
  }

  /** Show all photos; `countOf(photo)` is how many instances are shown on one. */
  show(countOf) {
    const { list, selected } = this.#photos;
    document.getElementById("photos-field").hidden = !list.length;
    for (const [photo, { item }] of this.#items) {
      if (!list.includes(photo)) {
        item.remove();
        this.#items.delete(photo);
      }
    }
    for (const photo of list) {
      if (!this.#items.has(photo)) this.#add(photo);
      this.#update(photo, photo === selected, countOf);
    }
  }

  /** Scroll the strip, never the page, so far that the selected photo is in sight. */
  reveal() {
    const item = this.#items.get(this.#photos.selected)?.item;
    if (!item) return;
    const strip = this.#list.parentElement;
    const left = item.offsetLeft - strip.offsetLeft;
    const right = left + item.offsetWidth;
    if (left < strip.scrollLeft) strip.scrollLeft = left;
    else if (right > strip.scrollLeft + strip.clientWidth) {
      strip.scrollLeft = right - strip.clientWidth;
    }
  }

  #add(photo) {
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
  }

  #update(photo, isSelected, countOf) {
    const { item, button, image, progress, status, retry, remove } = this.#items.get(photo);
    const text = statusText(photo, countOf);
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

  #act(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { list, selected } = this.#photos;
    if (event.key === "Delete" && selected) this.#remove(selected);
    else if (STEPS[event.key]) {
      const next = list.indexOf(selected) + STEPS[event.key];
      this.#photos.select(list[Math.max(0, Math.min(list.length - 1, next))]);
      this.#focus();
    } else return;
    event.preventDefault();
  }

  #remove(photo) {
    this.#photos.remove(photo);
    this.#focus();
  }

  #focus() {
    const target = this.#items.get(this.#photos.selected)?.button;
    (target ?? document.getElementById("pick")).focus();
  }
}

function statusText(photo, countOf) {
  if (photo.state === "done") return plural(countOf(photo), "instance");
  if (photo.state === "failed") return `Failed: ${photo.problem.title}`;
  return busyText(photo);
}

function button(kind, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.addEventListener("click", act);
  return made;
}
