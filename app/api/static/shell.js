// The request as a line for a shell, and how text gets onto the clipboard.

/**
 * What to type to get the same answer: `curl -F image=@photo.jpg 'http://…/predict?…'`.
 * @param {string} origin
 * @param {{ name: string, model: string, minScore: number | undefined }} asked
 */
export function curlLine(origin, { name, model, minScore }) {
  const query = new URLSearchParams();
  if (model) query.set("model", model);
  if (minScore !== undefined) query.set("min_score", String(minScore));
  const address = `${origin}/predict?${query}`.replace(/\?$/, "");
  return `curl -F ${quoted(`image=@${inForm(name)}`)} ${quoted(address)}`;
}

/**
 * A file's name as curl's -F takes it: commas and semicolons mean something else there.
 * @param {string} name
 */
function inForm(name) {
  return /[,;"]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

/** @param {string} word */
function quoted(word) {
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Put text onto the clipboard; say whether it is there. Plain HTTP has no `navigator.clipboard`.
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

/** @param {string} text */
function copySelected(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "unseen";
  area.readOnly = true;
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return isCopied;
}
