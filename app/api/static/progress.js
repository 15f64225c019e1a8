// How far a photo is, in words and as a bar.

/** @import { Busy, Photo } from "./photos.js" */

import { percent } from "./words.js";

/** @type {Record<Busy, (photo: Photo) => string>} */
const BUSY_TEXTS = {
  waiting: () => "Waiting its turn",
  fetching: () => "Fetching the picture",
  uploading: ({ sent }) => `Uploading, ${percent(sent)}`,
  predicting: () => "The model is looking",
  pausing: ({ note }) => note,
};

/**
 * What is being done with a photo; "" once that is over.
 * @param {Photo} photo
 */
export function busyText(photo) {
  if (photo.state === "done" || photo.state === "failed") return "";
  return BUSY_TEXTS[photo.state](photo);
}

/**
 * Make a `<progress>` show how far a photo is; unless it is uploading, nobody knows.
 * @param {HTMLProgressElement} progress
 * @param {Photo} photo
 */
export function showProgress(progress, { state, sent }) {
  if (state === "uploading") progress.value = sent;
  else progress.removeAttribute("value");
}
