// Pictures that a person drops, pastes or picks.

import { element } from "./elements.js";

let pasted = 0;

/**
 * Listen; `take` gets what comes, `say` what to tell where nothing does.
 * @param {{ take: (files: File[]) => void, say: (text: string) => void }} on
 */
export function listenForPictures({ take, say }) {
  const input = element("file");
  for (const button of [element("pick"), element("add")]) {
    button.addEventListener("click", () => input.click());
  }
  input.addEventListener("change", () => {
    take([...(input.files ?? [])]);
    input.value = "";
  });

  document.addEventListener("paste", ({ clipboardData, target }) => {
    const files = [...(clipboardData?.files ?? [])].map(named);
    if (!files.length && fieldOf(target)) return;
    if (files.length) take(files);
    else say("There is no picture on the clipboard.");
  });

  const board = element("board");
  document.addEventListener("dragover", (event) => {
    if (isForField(event)) return;
    event.preventDefault();
    if (event.dataTransfer?.types.includes("Files")) board.classList.add("hovered");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) board.classList.remove("hovered");
  });
  document.addEventListener("drop", (event) => {
    if (isForField(event)) return;
    event.preventDefault();
    board.classList.remove("hovered");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) take(files);
    else say("What was dropped is no file: save the picture first, or copy and paste it.");
  });
}

/**
 * Whether what is dragged may be dropped into the field under it: a file into one for files, text
 * into any other.
 * @param {DragEvent} event
 */
function isForField({ target, dataTransfer }) {
  const field = fieldOf(target);
  return field && (field.type === "file") === dataTransfer?.types.includes("Files");
}

/**
 * The field of a form that an event is about, if any.
 * @param {EventTarget | null} target
 */
function fieldOf(target) {
  const field = target instanceof Element && target.closest("#form :is(input, textarea)");
  return field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement ? field : null;
}

/**
 * A pasted picture under a name of its own: browsers call every one of them "image.png".
 * @param {File} file
 */
function named(file) {
  if (file.name && file.name !== "image.png") return file;
  pasted += 1;
  const ending = file.type.split("/")[1]?.replace(/\W.*/, "") || "png";
  return new File([file], `pasted-${pasted}.${ending}`, { type: file.type });
}
