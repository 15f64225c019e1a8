// The colour of each instance, and the ink that can be read on it.

/** @typedef {[number, number, number]} Colour Red, green and blue, 0 to 255. */

/**
 * The colour of the instance at `index`: neighbours in the list are far apart.
 * @param {number} index
 * @returns {Colour}
 */
export function colour(index) {
  const hue = (index * 137.508 + 195) % 360;
  const lightness = index % 2 ? 0.62 : 0.52;
  const spread = 0.8 * Math.min(lightness, 1 - lightness);
  const channel = (/** @type {number} */ n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - spread * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** @param {Colour} colour */
export function css([red, green, blue], alpha = 1) {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/**
 * Black or white, whichever stands out more: one of them always does by 4.5 to 1.
 * @param {Colour} colour
 */
export function ink(colour) {
  const luminance = relativeLuminance(colour);
  return (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) ? "#000" : "#fff";
}

/** @param {Colour} colour */
function relativeLuminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
