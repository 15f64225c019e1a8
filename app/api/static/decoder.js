// Decodes photos one at a time: each for its size and its thumbnail, and only the one that is looked
// at stays in memory as pixels.

/** @import { Photo } from "./photos.js" */

import { contextOf } from "./canvas.js";
import { Teller } from "./teller.js";

/** @typedef {{ photo: Photo, promise: Promise<void>, resolve: () => void }} Entry */

const THUMBNAIL = { width: 232, height: 160 };

/** @extends {Teller<{ decoded: Photo }>} */
export class Decoder extends Teller {
  /** @type {Entry[]} */
  #waiting = [];
  /** @type {Entry | null} */
  #working = null;
  /** @type {Photo | null} */
  #looked = null;
  /** @type {ImageBitmap | null} */
  #pixels = null; // Of the one that is looked at.

  /**
   * Resolve once the photo's size and thumbnail are known, and the pixels of the one that is looked
   * at, or known not to be.
   * @param {Photo} photo
   */
  decode(photo) {
    if (this.#isDone(photo)) return Promise.resolve();
    const entry = [this.#working, ...this.#waiting].find((other) => other?.photo === photo);
    if (entry) return entry.promise;
    const { promise, resolve } = withResolver();
    this.#waiting.push({ photo, promise, resolve });
    this.#next();
    return promise;
  }

  /**
   * Keep this photo's pixels from now on, and no other's.
   * @param {Photo | null} photo
   */
  look(photo) {
    if (this.#looked !== photo) this.#keep(null);
    this.#looked = photo;
    if (photo?.blob) this.decode(photo);
  }

  /**
   * The pixels of the photo that is looked at: all, or its thumbnail's, or null.
   * @param {Photo} photo
   */
  sourceOf(photo) {
    return (this.#looked === photo && this.#pixels) || photo.thumbnail;
  }

  /** @param {Photo} photo */
  forget(photo) {
    this.#waiting.filter((entry) => entry.photo === photo).forEach((entry) => entry.resolve());
    this.#waiting = this.#waiting.filter((entry) => entry.photo !== photo);
    if (this.#looked === photo) this.look(null);
  }

  /** @param {Photo} photo */
  #isDone(photo) {
    const found = photo === this.#looked ? this.#pixels : photo.thumbnail;
    return found !== null || photo.isUndecodable;
  }

  async #next() {
    if (this.#working || !this.#waiting.length) return;
    // The one that a person looks at goes first.
    const urgent = this.#waiting.findIndex(({ photo }) => photo === this.#looked);
    const [entry] = this.#waiting.splice(Math.max(0, urgent), 1);
    this.#working = entry;
    try {
      // By its turn a person may look at another.
      if (!this.#isDone(entry.photo)) await this.#work(entry.photo);
    } finally {
      entry.resolve();
      this.#working = null;
      this.#next();
    }
  }

  /** @param {Photo} photo */
  async #work(photo) {
    const bitmap = photo.blob && (await createImageBitmap(photo.blob).catch(() => null));
    photo.isUndecodable = !bitmap && !photo.thumbnail;
    if (bitmap) {
      photo.size = { width: bitmap.width, height: bitmap.height };
      photo.thumbnail ??= thumbnail(bitmap);
    }
    if (photo === this.#looked) this.#keep(bitmap);
    else bitmap?.close();
    this.tell("decoded", photo);
  }

  /** @param {ImageBitmap | null} pixels */
  #keep(pixels) {
    this.#pixels?.close();
    this.#pixels = pixels;
  }
}

/** @param {ImageBitmap} bitmap */
function thumbnail(bitmap) {
  const { width, height } = THUMBNAIL;
  const scale = Math.min(1, Math.max(width / bitmap.width, height / bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.min(2 * width, Math.round(bitmap.width * scale)));
  canvas.height = Math.max(1, Math.min(2 * height, Math.round(bitmap.height * scale)));
  const context = contextOf(canvas);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function withResolver() {
  let resolve = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
