// A field of the form for an input of a model: the control that its type and its shape ask for, and
// what a person has put in, as JSON.

/** @import { Input } from "./models.js" */

import { made } from "./elements.js";
import { FILE } from "./shell.js";
import { shortened } from "./words.js";

/**
 * A sort of field. `json` is what stands in the control, "" where nothing does; it throws `Unfit`
 * where that cannot be sent.
 * @typedef {object} Sort
 * @property {(input: Input) => HTMLElement} control
 * @property {(control: any, input: Input) => string | Promise<string>} json
 * @property {(input: Input) => string} hint
 */

const LONGEST_HINT = 80;
const WHOLE = /^u?int/;
// Such a number goes as it was typed, however long: a browser's own numbers would round it.
const NUMBER_IN_JSON = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** What stands in a field cannot be sent. */
export class Unfit extends Error {}

export class Field {
  row = document.createElement("div");
  #input;
  #sort;
  #control;
  #complaint = made("p", "complaint");

  /** @param {Input} input @param {string} id */
  constructor(input, id) {
    this.#input = input;
    this.#sort = sortOf(input);
    this.#control = this.#sort.control(input);
    const label = made("label", "name", input.name);
    const hint = made("span", "hint", hintOf(input, this.#sort));
    label.htmlFor = this.#control.id = id;
    hint.id = `${id}-hint`;
    this.#complaint.id = `${id}-complaint`;
    this.#complaint.hidden = true;
    this.#control.setAttribute("aria-describedby", `${hint.id} ${this.#complaint.id}`);
    this.row.className = "input";
    this.row.append(label, " ", hint, this.#control, this.#complaint);
  }

  get name() {
    return this.#input.name;
  }

  /** What a person has put in, as JSON; "" where it is left out. Throws `Unfit`. */
  async json() {
    const text = await this.#sort.json(this.#control, this.#input);
    if (!text && !this.#input.is_optional) throw new Unfit("A value is needed.");
    return text;
  }

  /**
   * The same for a shell, where a file is known by its name; "" where nothing can be sent.
   * @returns {{ json: string, files: string[] }}
   */
  get forShell() {
    const { file } = this;
    if (file) return { json: `{"b64": "${FILE}"}`, files: [file.name] };
    try {
      const json = this.#sort.json(this.#control, this.#input);
      return { json: typeof json === "string" ? json : "", files: [] };
    } catch {
      return { json: "", files: [] };
    }
  }

  /** The file that was chosen, if it takes one. */
  get file() {
    return this.#control instanceof HTMLInputElement ? this.#control.files?.[0] : undefined;
  }

  /**
   * Take files as if they had been chosen here; say whether it takes files at all.
   * @param {File[]} files
   */
  takeFiles([file]) {
    if (!(this.#control instanceof HTMLInputElement) || this.#control.type !== "file") return false;
    const taken = new DataTransfer();
    taken.items.add(file);
    this.#control.files = taken.files;
    this.#control.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  /**
   * Say what is wrong with what stands here; nothing where it is "".
   * @param {string} text
   */
  complain(text) {
    this.#complaint.hidden = !text;
    this.#complaint.textContent = text;
    this.#control.setAttribute("aria-invalid", String(Boolean(text)));
  }

  focus() {
    this.#control.focus();
  }
}

/** @type {Record<"flag" | "choice" | "number" | "text" | "picture" | "list", Sort>} */
const SORTS = {
  flag: {
    control: () => inputOf("checkbox"),
    json: ({ checked }) => String(checked),
    hint: () => "yes or no",
  },
  choice: {
    control({ categories = [], is_optional }) {
      const select = document.createElement("select");
      if (is_optional) select.append(new Option("–", ""));
      select.append(...categories.map((name) => new Option(name, name)));
      return select;
    },
    json: ({ selectedOptions: [option], value }, { is_optional }) =>
      is_optional && option?.index === 0 ? "" : JSON.stringify(value),
    hint: ({ categories = [] }) => `one of ${categories.length}`,
  },
  number: {
    control({ dtype }) {
      const input = inputOf("number");
      input.step = WHOLE.test(dtype) ? "1" : "any";
      return input;
    },
    json({ value, validity }) {
      if (validity.badInput) throw new Unfit("A number is expected.");
      return !value || NUMBER_IN_JSON.test(value) ? value : String(Number(value));
    },
    hint: nounOf,
  },
  text: {
    control: () => inputOf("text"),
    json: ({ value }, { is_optional }) => (!value && is_optional ? "" : JSON.stringify(value)),
    hint: nounOf,
  },
  picture: {
    control() {
      const input = inputOf("file");
      input.accept = "image/*";
      return input;
    },
    json: async ({ files: [file] }) => (file ? `{"b64": "${await base64(file)}"}` : ""),
    hint: () => "picture",
  },
  list: {
    control({ categories }) {
      const area = document.createElement("textarea");
      area.rows = 2;
      area.spellcheck = false;
      area.placeholder = categories ? `of ${shortened(categories.join(", "), LONGEST_HINT)}` : "[…]";
      return area;
    },
    json({ value }) {
      const text = value.trim();
      if (text && !isList(text)) throw new Unfit("A list is expected, such as [1, 2, 3].");
      return text;
    },
    hint: (input) => `${sizesOf(input)} ${nounOf(input)}s`,
  },
};

/** @param {Input} input */
function sortOf({ role, dtype, shape, categories }) {
  // A list that can hold one value alone is as good as the value.
  if (shape.some((side) => side !== 1)) return SORTS.list;
  if (role === "picture" && dtype === "bytes") return SORTS.picture;
  if (categories && dtype === "bytes") return SORTS.choice;
  if (dtype === "bytes") return SORTS.text;
  return dtype === "bool" ? SORTS.flag : SORTS.number;
}

/** @param {Input} input @param {Sort} sort */
function hintOf(input, sort) {
  return `${sort.hint(input)}${input.is_optional ? ", may be left out" : ""}`;
}

/** @param {Input} input */
function nounOf({ dtype }) {
  if (dtype === "bytes") return "text";
  if (dtype === "bool") return "truth value";
  return WHOLE.test(dtype) ? "whole number" : "number";
}

/** @param {Input} input */
function sizesOf({ shape }) {
  if (shape.length === 1) return `list of ${shape[0] ?? ""}`.trim();
  return `lists of ${shape.map((side) => side ?? "any").join(" × ")}`;
}

/** @param {string} text */
function isList(text) {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

/** @param {File} file @returns {Promise<string>} */
function base64(file) {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.addEventListener("load", () => resolve(String(reader.result).split(",")[1] ?? ""));
    reader.addEventListener("error", () => reject(new Unfit("The file cannot be read.")));
    reader.readAsDataURL(file);
  });
}

/** @param {string} type */
function inputOf(type) {
  const input = document.createElement("input");
  input.type = type;
  input.autocomplete = "off";
  return input;
}
