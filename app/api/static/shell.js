// The request as a line for a shell, and how text gets onto the clipboard.

/** Stands for a file's content in base64. */
export const FILE = "\0"; // JSON writes it otherwise: no text can hold it.

/**
 * What to type to get the same answer: `curl -F image=@photo.jpg 'http://…/predict?…'`.
 * @param {string} origin
 * @param {{ name: string, model: string, parameters: Record<string, string> }} asked
 */
export function curlLine(origin, { name, model, parameters }) {
  const query = new URLSearchParams(model ? { model, ...parameters } : parameters);
  const address = `${origin}/predict?${query}`.replace(/\?$/, "");
  return `curl -F ${quoted(`image=@${inForm(name)}`)} ${quoted(address)}`;
}

/**
 * What to type for an instance of values: `curl -H … -d '{"instances": [{…}]}' 'http://…/predict'`.
 * Where the instance has files, `printf` puts them in: no command takes arguments of their size.
 * @param {string} origin
 * @param {{ instance: string, files: string[], model: string, signature: string }} asked Each file
 *   stands as `FILE` in the instance.
 */
export function jsonLine(origin, { instance, files, model, signature }) {
  const query = new URLSearchParams(model ? { model } : {});
  if (signature) query.set("signature", signature);
  const address = quoted(`${origin}/predict?${query}`.replace(/\?$/, ""));
  const body = `{"instances": [${instance}]}`;
  const curl = `curl -H ${quoted("Content-Type: application/json")} -d`;
  if (!files.length) return `${curl} ${quoted(body)} ${address}`;
  const format = body.replace(/[%\\]/g, "$&$&").replaceAll(FILE, "%s");
  const contents = files.map((name) => `"$(base64 < ${quoted(name)} | tr -d '\\n')"`);
  return `printf ${quoted(format)} ${contents.join(" ")} | ${curl} @- ${address}`;
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
