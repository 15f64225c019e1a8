// Small charts, drawn by hand in SVG: bars, and shares over time. Colours are the style sheet's.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 100;

/** @typedef {{ value: number, words: string }} Bar */
/** @typedef {{ name: string, points: { at: number, share: number, words: string }[] }} Series */

/**
 * Bars side by side, the highest as high as the chart.
 * @param {HTMLElement} place
 * @param {Bar[]} bars
 * @param {string} words What the chart says to who does not see it.
 */
export function showBars(place, bars, words) {
  const highest = Math.max(1, ...bars.map(({ value }) => value));
  const step = WIDTH / Math.max(1, bars.length);
  const drawn = bars.map((bar, index) => {
    // What is there is seen, however little it is.
    const height = bar.value && Math.max(2, (bar.value / highest) * HEIGHT);
    return titled("rect", bar.words, {
      x: index * step + step * 0.08,
      y: HEIGHT - height,
      width: step * 0.84,
      height,
    });
  });
  place.replaceChildren(chart(words, drawn));
}

/**
 * Lines of shares from 0 to 1 over a time.
 * @param {HTMLElement} place
 * @param {Series[]} series
 * @param {{ from: number, to: number }} time
 * @param {string} words
 */
export function showShares(place, series, { from, to }, words) {
  const span = Math.max(1, to - from);
  const x = (/** @type {number} */ at) => ((at - from) / span) * WIDTH;
  const y = (/** @type {number} */ share) => (1 - share) * HEIGHT;
  const drawn = [0, 0.5].map((share) =>
    shape("line", { x1: 0, x2: WIDTH, y1: y(1 - share), y2: y(1 - share) }),
  );
  series.forEach(({ points }, index) => {
    const kind = `series-${index % 4}`;
    const places = points.map(({ at, share }) => `${x(at)},${y(share)}`);
    drawn.push(shape("polyline", { points: places.join(" "), class: kind }));
    for (const [number, { words }] of points.entries()) {
      // A line without a length, with round ends, is a dot that no stretching makes an egg.
      drawn.push(titled("path", words, { d: `M${places[number]}h0`, class: kind }));
    }
  });
  place.replaceChildren(chart(words, drawn));
}

/** @param {string} words @param {SVGElement[]} drawn */
function chart(words, drawn) {
  const box = `0 0 ${WIDTH} ${HEIGHT}`;
  const whole = shape("svg", { viewBox: box, preserveAspectRatio: "none", role: "img" });
  whole.setAttribute("aria-label", words);
  whole.append(...drawn);
  return whole;
}

/** @param {string} name @param {string} words @param {Record<string, string | number>} attributes */
function titled(name, words, attributes) {
  const drawn = shape(name, attributes);
  const title = shape("title", {});
  title.textContent = words;
  drawn.append(title);
  return drawn;
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, name));
  for (const [attribute, value] of Object.entries(attributes)) {
    made.setAttribute(attribute, String(value));
  }
  return made;
}
