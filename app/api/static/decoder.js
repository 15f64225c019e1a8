// Decodes photos one at a time: each for its size and its thumbnail, and only the one that is looked
// at stays in memory as pixels.

const THUMBNAIL = { width: 232, height: 160 };

export class Decoder extends EventTarget {
  #waiting = []; // {photo, promise, resolve}
  #isBusy = false;
  #looked = null;
  #kept = { photo: null, bitmap: null };

  /** Resolve once the photo's size and thumbnail are known, or known not to be. */
  decode(photo) {
    const isDone = photo.thumbnail || photo.isUndecodable;
    if (isDone && (photo !== this.#looked || this.#kept.photo === photo)) return Promise.resolve();
    const entry = this.#waiting.find((other) => other.photo === photo);
    if (entry) return entry.promise;
    const { promise, resolve } = withResolver();
    this.#waiting.push({ photo, promise, resolve });
    this.#next();
    return promise;
  }

  /** Keep this photo's pixels from now on, and no other's. */
  look(photo) {
    this.#looked = photo;
    if (this.#kept.photo !== photo) this.#keep(photo, null);
    if (photo?.blob && !photo.isUndecodable && !this.#kept.bitmap) this.decode(photo);
  }

  /** The pixels of the photo that is looked at: all, or its thumbnail's, or null. */
  sourceOf(photo) {
    return (this.#kept.photo === photo && this.#kept.bitmap) || photo.thumbnail;
  }

  forget(photo) {
    this.#waiting.filter((entry) => entry.photo === photo).forEach((entry) => entry.resolve());
    this.#waiting = this.#waiting.filter((entry) => entry.photo !== photo);
    if (this.#looked === photo) this.look(null);
  }

  async #next() {
    if (this.#isBusy || !this.#waiting.length) return;
    this.#isBusy = true;
    // The one that a person looks at goes first.
    const urgent = this.#waiting.findIndex(({ photo }) => photo === this.#looked);
    const [entry] = this.#waiting.splice(Math.max(0, urgent), 1);
    await this.#work(entry.photo);
    entry.resolve();
    this.#isBusy = false;
    this.#next();
  }

  async #work(photo) {
    const bitmap = await createImageBitmap(photo.blob).catch(() => null);
    photo.isUndecodable = !bitmap;
    if (bitmap) {
      photo.size = { width: bitmap.width, height: bitmap.height };
      photo.thumbnail ??= thumbnail(bitmap);
    }
    if (photo === this.#looked) this.#keep(photo, bitmap);
    else bitmap?.close();
    this.dispatchEvent(new CustomEvent("decoded", { detail: photo }));
  }

  #keep(photo, bitmap) {
    this.#kept.bitmap?.close();
    this.#kept = { photo, bitmap };
  }
}

function thumbnail(bitmap) {
  const { width, height } = THUMBNAIL;
  const scale = Math.min(1, Math.max(width / bitmap.width, height / bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.min(2 * width, Math.round(bitmap.width * scale)));
  canvas.height = Math.max(1, Math.min(2 * height, Math.round(bitmap.height * scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function withResolver() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
