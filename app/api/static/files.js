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

  document.addEventListener("paste", ({ clipboardData }) => {
    const files = [...(clipboardData?.files ?? [])].map(named);
    if (files.length) take(files);
    else say("There is no picture on the clipboard.");
  });

  const board = element("board");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.types.includes("Files")) board.classList.add("hovered");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) board.classList.remove("hovered");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    board.classList.remove("hovered");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) take(files);
    else say("What was dropped is no file: save the picture first, or copy and paste it.");
  });
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
