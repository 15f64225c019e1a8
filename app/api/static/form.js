// The form for one signature of a model that takes values, with what it was asked and has answered last.

/** @import { Input } from "./models.js" */
/** @import { Problem, Outputs } from "./server.js" */

import { Field, Unfit } from "./fields.js";
import { sentence } from "./words.js";

export class Form {
  /** @type {{ prediction: Outputs, wallMs: number } | null} */
  answer = null;
  /**
   * What is wrong, but for what is wrong with one field.
   * @type {Problem | null}
   */
  problem = null;
  isBusy = false;
  #fields;

  /**
   * @param {string} model
   * @param {string} signature "" for the one that answers where a request names none.
   * @param {Input[]} inputs
   */
  constructor(model, signature, inputs) {
    this.model = model;
    this.signature = signature;
    this.#fields = inputs.map((input, index) => new Field(input, `input-${index}`));
  }

  get rows() {
    return this.#fields.map(({ row }) => row);
  }

  /** What a person has put in, as JSON; null where a field says what is wrong with it. */
  async instance() {
    this.#forgive();
    const members = await Promise.all(this.#fields.map(member));
    if (this.#focusUnfit(members.map((text) => text === null))) return null;
    return objectOf(members);
  }

  /** The same for a shell, as far as it goes. */
  get forShell() {
    const all = this.#fields.map((field) => ({ name: field.name, ...field.forShell }));
    return {
      instance: objectOf(all.map(({ name, json }) => json && `${JSON.stringify(name)}: ${json}`)),
      files: all.flatMap(({ files }) => files),
    };
  }

  /**
   * Take files into the first field that takes any; say whether one does.
   * @param {File[]} files
   */
  takeFiles(files) {
    return this.#fields.some((field) => field.takeFiles(files));
  }

  /**
   * Show the server's refusal, at the field that it names where there is one.
   * @param {Problem} problem
   */
  refuse(problem) {
    const field = this.#fields.find(({ name }) => `instances[0].${name}` === problem.field);
    if (field) {
      const detail = problem.detail || problem.title;
      // Here it needs no name.
      const named = [`\`${problem.field}\``, `${field.name} `].find((name) => detail.startsWith(name));
      field.complain(sentence(named ? `it ${detail.slice(named.length).trimStart()}` : detail));
      field.focus();
    } else this.problem = problem;
  }

  /** Forget the answer, and what was wrong. */
  forget() {
    this.answer = null;
    this.#forgive();
  }

  #forgive() {
    this.problem = null;
    for (const field of this.#fields) field.complain("");
  }

  /** @param {boolean[]} unfit Of each field. */
  #focusUnfit(unfit) {
    const first = unfit.indexOf(true);
    if (first >= 0) this.#fields[first].focus();
    return first >= 0;
  }
}

/**
 * A field as a member of a JSON object; "" where it is left out, null where it is unfit.
 * @param {Field} field
 */
async function member(field) {
  try {
    const json = await field.json();
    return json && `${JSON.stringify(field.name)}: ${json}`;
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    field.complain(error.message);
    return null;
  }
}

/** @param {(string | null)[]} members */
function objectOf(members) {
  return `{${members.filter(Boolean).join(", ")}}`;
}
