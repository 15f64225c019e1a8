// Models that give each pixel a class: the classes lie over the photo, each with a bar beside it.

/** @import { Marks } from "./board.js" */
/** @import { Instance, Prediction, Segment } from "./server.js" */

import { showBars } from "./bars.js";
import { colour, css } from "./colours.js";
import { element } from "./elements.js";
import { tenthsOfPercent } from "./words.js";

const MOST_TOLD = 3;
const LAYERS = { masks: true, boxes: false, labels: false };

export class Segments {
  asks = {};
  asksShown = {};
  /** @type {Prediction | undefined} */
  #shown = undefined;
  /** @type {Instance[]} */
  #marked = [];

  /**
   * Show an answer, undefined where there is none, and return what lies over its photo.
   * @param {Prediction | undefined} prediction
   * @returns {Marks}
   */
  show(prediction) {
    if (prediction !== this.#shown) {
      this.#shown = prediction;
      const segments = prediction ? segmentsOf(prediction) : [];
      const shown = segments.filter(isShown);
      this.#marked = shown.map((segment) => ({ ...segment, score: segment.share }));
      element("segments-count").textContent = classes(segments.length);
      const bars = segments.map((one) => ({
        label: one.label,
        score: one.share,
        colour: isShown(one) ? css(colour(shown.indexOf(one))) : "var(--edge)",
      }));
      showBars(element("segments"), bars);
    }
    return { instances: this.#marked, indices: [...this.#marked.keys()], lit: null, layers: LAYERS };
  }

  /** @param {Prediction} prediction */
  count(prediction) {
    return segmentsOf(prediction).length;
  }

  /** @param {Prediction} prediction */
  status(prediction) {
    return classes(this.count(prediction));
  }

  /**
   * The largest classes in words.
   * @param {Prediction} prediction
   */
  description(prediction) {
    const told = segmentsOf(prediction)
      .slice(0, MOST_TOLD)
      .map(({ label, share }) => `${label}, ${tenthsOfPercent(share)}`);
    return [this.status(prediction), ...told].join(". ");
  }

  /** @param {Prediction} prediction */
  told(prediction) {
    return this.description(prediction);
  }

  /** @param {Prediction} prediction */
  taken(prediction) {
    return prediction;
  }
}

/** @param {number} count */
function classes(count) {
  return count === 1 ? "1 class" : `${count} classes`;
}

/**
 * What is nothing in particular is left as it is.
 * @param {Segment} segment
 */
function isShown({ label }) {
  return !/^_*background_*$/i.test(label);
}

/** @type {never[]} */
const NONE = [];

/** @param {Prediction} prediction */
function segmentsOf(prediction) {
  return "segments" in prediction ? prediction.segments : NONE;
}
