// How the page says things: numbers with their units, and sentences.

/** @param {string} text */
export function sentence(text) {
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

/**
 * A text that is cut off behind a word where it is longer than `limit`.
 * @param {string} text
 * @param {number} limit
 */
export function shortened(text, limit) {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit).replace(/\s+\S*$/, "")}…`;
}

/** @param {number} count @param {string} noun */
export function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {number} share */
export function percent(share) {
  return `${Math.floor(share * 100)} %`;
}

/**
 * A score as text: what is neither none nor all is not told as such.
 * @param {number} share
 */
export function tenthsOfPercent(share) {
  const text = (share * 100).toFixed(1);
  if (text === "0.0" && share > 0) return "< 0.1 %";
  if (text === "100.0" && share < 1) return "> 99.9 %";
  return `${text} %`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  const value = bytes / 2 ** 20;
  return `${value >= 10 ? Math.round(value * 10) / 10 : Math.round(value * 100) / 100} MB`;
}

/** @param {number} pixels */
export function megapixels(pixels) {
  return `${Math.round(pixels / 1e5) / 10} megapixels`;
}

/** @param {number} value */
export function tenths(value) {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** @param {number} value */
export function milliseconds(value) {
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${tenths(value)} ms`;
}

/**
 * A file's name without what tells its format.
 * @param {string} name
 */
export function stem(name) {
  return name.replace(/(.)\.[^.]*$/, "$1");
}

/**
 * What is on a photo, by class: "circle: 3, star: 1".
 * @param {{ label: string }[]} instances
 */
export function summary(instances) {
  const counts = new Map();
  for (const { label } of instances) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, count]) => `${label}: ${count}`).join(", ");
}
