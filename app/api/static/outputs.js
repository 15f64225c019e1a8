// What a model's outputs look like: scores that belong to texts become bars, all else is a row.

/** @import { Bar } from "./bars.js" */

import { shortened } from "./words.js";

/** @typedef {{ name: string, bars: Bar[] }} Chart */
/** @typedef {{ name: string, text: string }} Row */
/** @typedef {Record<string, unknown>} Values By their outputs' names. */

const LONGEST_TEXT = 300;
const DIGITS = 8;
// By what names scores are told from other numbers between 0 and 1, such as the classes' own.
const SCORES = /prob|score|softmax|sigmoid|confidence/i;

/**
 * The bars, best first, and the rows of what is no part of them.
 * @param {Values} outputs
 * @returns {{ charts: Chart[], rows: Row[] }}
 */
export function arranged(outputs) {
  const charts = [];
  const drawn = new Set();
  for (const [labelsName, labels] of Object.entries(outputs)) {
    if (!isListOf(labels, "string")) continue;
    const name = scoresOf(labelsName, labels.length, outputs);
    if (name === undefined) continue;
    const scores = /** @type {number[]} */ (outputs[name]);
    const bars = labels.map((label, index) => ({ label, score: scores[index] }));
    charts.push({ name, bars: bars.sort((a, b) => b.score - a.score) });
    drawn.add(name).add(labelsName);
  }
  const rows = Object.entries(outputs)
    .filter(([name]) => !drawn.has(name))
    .map(([name, value]) => ({ name, text: textOf(value) }));
  return { charts, rows };
}

/**
 * The output that has a score for each of the texts: `x_probs` for `x_values`, else the only one
 * that is called so, else the only one that looks so.
 * @param {string} labelsName
 * @param {number} count
 * @param {Values} outputs
 */
function scoresOf(labelsName, count, outputs) {
  if (count < 2) return undefined;
  const fitting = Object.keys(outputs).filter((name) => areScores(outputs[name], count));
  const start = labelsName.replace(/_[^_]*$/, "_");
  const named = fitting.filter((name) => SCORES.test(name));
  const [own] = named.filter((name) => name.startsWith(start));
  if (named.length) return own ?? only(named);
  // Whole numbers are the classes' own.
  const isSplit = (/** @type {unknown} */ value) => !Number.isInteger(value);
  return only(fitting.filter((name) => [outputs[name]].flat().some(isSplit)));
}

/** @param {string[]} names */
function only(names) {
  return names.length === 1 ? names[0] : undefined;
}

/** @param {unknown} value @param {number} count */
function areScores(value, count) {
  return (
    isListOf(value, "number") && value.length === count && value.every((one) => one >= 0 && one <= 1)
  );
}

/**
 * @template {"string" | "number"} Name
 * @param {unknown} value
 * @param {Name} type
 * @returns {value is (Name extends "string" ? string : number)[]}
 */
function isListOf(value, type) {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === type);
}

/**
 * A value for a person; a list of one is what it holds.
 * @param {unknown} value
 * @returns {string}
 */
function textOf(value) {
  if (Array.isArray(value) && value.length === 1) return textOf(value[0]);
  if (typeof value === "string") return shortened(value, LONGEST_TEXT);
  const text = JSON.stringify(rounded(value)).replaceAll(",", ", ");
  const sizes = sizesOf(value);
  if (text.length <= LONGEST_TEXT) return text;
  return `${sizes.join(" × ")} values: ${shortened(text, LONGEST_TEXT)}`;
}

/**
 * Numbers with as many digits as a person reads.
 * @param {unknown} value
 * @returns {unknown}
 */
function rounded(value) {
  if (Array.isArray(value)) return value.map(rounded);
  const isFraction = typeof value === "number" && !Number.isInteger(value);
  return isFraction ? Number(value.toPrecision(DIGITS)) : value;
}

/**
 * @param {unknown} value
 * @returns {number[]}
 */
function sizesOf(value) {
  return Array.isArray(value) ? [value.length, ...sizesOf(value[0])] : [];
}
