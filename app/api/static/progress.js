// How far a photo is, in words and as a bar.

import { percent } from "./words.js";

const BUSY_TEXTS = {
  waiting: () => "Waiting its turn",
  fetching: () => "Fetching the picture",
  uploading: ({ sent }) => `Uploading, ${percent(sent)}`,
  predicting: () => "The model is looking",
  pausing: ({ note }) => note,
};

export function busyText(photo) {
  return BUSY_TEXTS[photo.state](photo);
}

/** Make a `<progress>` show how far a photo is; unless it is uploading, nobody knows. */
export function showProgress(progress, { state, sent }) {
  if (state === "uploading") progress.value = sent;
  else progress.removeAttribute("value");
}
