// Models that say what a photo shows: the likeliest classes, each with a bar.

/** @import { Prediction } from "./server.js" */

import { showBars } from "./bars.js";
import { element } from "./elements.js";
import { tenthsOfPercent } from "./words.js";

export class Classes {
  /** The server's own choice: the five best. */
  asks = {};
  asksShown = {};

  /**
   * Show an answer, undefined where there is none.
   * @param {Prediction | undefined} prediction
   */
  show(prediction) {
    if (!prediction) return;
    const classes = classesOf(prediction);
    element("best").textContent = classes[0]?.label ?? "No class";
    showBars(element("ranking"), classes);
  }

  /** @param {Prediction} prediction */
  count(prediction) {
    return classesOf(prediction).length;
  }

  /**
   * The best class, for the strip.
   * @param {Prediction} prediction
   */
  status(prediction) {
    const [best] = classesOf(prediction);
    return best ? `${best.label}, ${tenthsOfPercent(best.score)}` : "No class";
  }

  /** @param {Prediction} prediction */
  description(prediction) {
    return this.status(prediction);
  }

  /** @param {Prediction} prediction */
  told(prediction) {
    return this.status(prediction);
  }

  /** @param {Prediction} prediction */
  taken(prediction) {
    return prediction;
  }
}

/** @param {Prediction} prediction */
function classesOf(prediction) {
  return "predictions" in prediction ? prediction.predictions : [];
}
