// The three charts above the rows: predictions over time, scores, and how many were right.

import { element, made } from "../elements.js";
import { percent, plural } from "../words.js";
import { showBars, showShares } from "./charts.js";
import { moment } from "./moments.js";

/** @param {contract.LogSummary} summary */
export function showGlance({ rows, is_whole: isWhole, step_s: step, rate, scores, agreement }) {
  showRate(rate, step);
  showScores(scores, isWhole ? plural(rows, "row") : `the last ${plural(rows, "row")}`);
  showAgreement(agreement, rate, step);
}

/** @param {contract.RateStep[]} rate @param {number} step */
function showRate(rate, step) {
  const total = rate.reduce((sum, { predictions }) => sum + predictions, 0);
  const each = step >= 3600 ? `${step / 3600} h` : step >= 60 ? `${step / 60} min` : `${step} s`;
  element("rate-words").textContent = total ? `${total.toLocaleString("en")}, a bar ${each}` : "";
  const bars = rate.map(({ at, predictions }) => ({
    value: predictions,
    words: `${moment(at)}: ${plural(predictions, "prediction")}`,
  }));
  showBars(element("rate-chart"), bars, `${plural(total, "prediction")} over time`);
  element("rate-from").textContent = rate.length ? moment(rate[0].at) : "";
  element("rate-to").textContent = rate.length > 1 ? moment(rate[rate.length - 1].at) : "";
}

/** @param {number[]} scores @param {string} rows */
function showScores(scores, rows) {
  element("scores-words").textContent = rows;
  const bars = scores.map((value, index) => {
    const [from, to] = [index, index + 1].map((part) => (part / scores.length).toFixed(2));
    return { value, words: `${from} to ${to}: ${plural(value, "row")}` };
  });
  showBars(element("scores-chart"), bars, `Scores of ${rows}, from 0 to 1`);
}

/**
 * @param {contract.AgreementStep[]} agreement
 * @param {contract.RateStep[]} rate
 * @param {number} step
 */
function showAgreement(agreement, rate, step) {
  /** @type {Map<string, contract.AgreementStep[]>} */
  const byModel = new Map();
  for (const one of agreement) {
    const name = `${one.model} ${one.version}`;
    byModel.set(name, [...(byModel.get(name) ?? []), one]);
  }
  const series = [...byModel].map(([name, steps]) => ({
    name,
    agreed: steps.reduce((sum, { agreed }) => sum + agreed, 0),
    told: steps.reduce((sum, one) => sum + one.agreed + one.disagreed, 0),
    points: steps.map(({ at, agreed, disagreed }) => ({
      at: Date.parse(at),
      share: agreed / (agreed + disagreed),
      words: `${moment(at)}, ${name}: ${agreed} of ${agreed + disagreed} agree`,
    })),
  }));
  const told = series.reduce((sum, one) => sum + one.told, 0);
  element("agreement-words").textContent = told ? plural(told, "truth") : "no truths told yet";
  const words = series.map((one) => `${one.name}: ${percent(one.agreed / one.told)} of ${one.told}`);
  const legend = words.map((text, index) => made("li", `series-${index % 4}`, text));
  element("agreement-legend").replaceChildren(...legend);
  const from = rate.length ? Date.parse(rate[0].at) : 0;
  const to = rate.length ? Date.parse(rate[rate.length - 1].at) + step * 1000 : 1;
  showShares(element("agreement-chart"), series, { from, to }, `Agreement. ${words.join(". ")}`);
}
