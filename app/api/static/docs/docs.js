// The contract's page, alive: lines to copy that name this server, and requests to try.

import { part } from "../elements.js";

/**
 * What a form asks for; `chooser` is where a file is chosen.
 * @typedef {object} Asked
 * @property {string | undefined} method
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {HTMLInputElement | null} chooser
 * @property {File | undefined} file
 */

const { origin: written = location.origin } = document.body.dataset;

for (const figure of document.querySelectorAll(".snippets figure")) {
  const code = part(figure, "code", HTMLElement);
  code.textContent = code.textContent.replaceAll(written, location.origin);
  offerCopy(figure, code);
}
for (const form of document.querySelectorAll("form")) {
  form.closest("details")?.removeAttribute("hidden");
  const figure = part(form, "figure", HTMLElement);
  const asked = part(figure, ".asked code", HTMLElement);
  const show = () => { asked.textContent = shellLine(request(form)); };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  show();
  offerCopy(figure, asked);
}
openTarget();
addEventListener("hashchange", openTarget);
followReading();

/** @param {Element} figure @param {HTMLElement} code */
function offerCopy(figure, code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Without https a page has no clipboard, but may copy what is marked.
      getSelection()?.selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  part(figure, "figcaption", HTMLElement).append(button);
}

/**
 * What a form asks for; fields left empty are left out.
 * @param {HTMLFormElement} form
 * @returns {Asked}
 */
function request(form) {
  let { path = "" } = form.dataset;
  const query = new URLSearchParams();
  /** @type {Record<string, string>} */
  const headers = {};
  /** @type {NodeListOf<HTMLInputElement | HTMLSelectElement>} */
  const controls = form.querySelectorAll("[data-in]");
  for (const control of controls) {
    const value = control.value.trim();
    if (control.dataset.in === "path") {
      path = path.replace(`{${control.name}}`, encodeURIComponent(value));
    } else if (value && control.dataset.in === "query") {
      query.set(control.name, value);
    } else if (value) {
      headers[control.name] = value;
    }
  }
  const url = `${path}?${query}`.replace(/\?$/, "");
  /** @type {HTMLInputElement | null} */
  const chooser = form.querySelector('[type="file"]');
  return { method: form.dataset.method, url, headers, chooser, file: chooser?.files?.[0] };
}

/**
 * The same request from a shell.
 * @param {Asked} asked
 */
function shellLine({ url, headers, chooser, file }) {
  const words = ["curl"];
  if (chooser) words.push("-F", quoted(`image=@${file ? file.name : "photo.jpg"}`));
  for (const [name, value] of Object.entries(headers)) words.push("-H", quoted(`${name}: ${value}`));
  if (new URLSearchParams(url.split("?")[1]).get("format") === "png") words.push("-o", "drawn.png");
  return [...words, quoted(location.origin + url)].join(" ");
}

/** @param {string} word */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const { method, url, headers, file } = request(form);
  const button = part(form, ".send button", HTMLButtonElement);
  const said = part(form, "output", HTMLOutputElement);
  const place = part(form, ".answered", HTMLElement);
  button.disabled = true;
  said.textContent = "…";
  place.replaceChildren();
  const start = performance.now();
  try {
    let body;
    if (file) {
      body = new FormData();
      body.set("image", file);
    }
    const answer = await fetch(url, { method, headers, body });
    const blob = await answer.blob();
    const ms = Math.round(performance.now() - start);
    said.textContent =
      `${answer.status}, ${ms} ms, ${blob.size.toLocaleString("en")} bytes, ` +
      `X-Request-ID ${answer.headers.get("X-Request-ID")}`;
    place.append(await shown(blob));
  } catch {
    said.textContent = "The server does not answer.";
  } finally {
    button.disabled = false;
  }
}

/**
 * An element with the answer: a picture, indented JSON, or text.
 * @param {Blob} blob
 */
async function shown(blob) {
  if (blob.type.startsWith("image/")) {
    const image = document.createElement("img");
    image.src = URL.createObjectURL(blob);
    image.alt = "The answer";
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    return image;
  }
  const text = await blob.text();
  const pre = document.createElement("pre");
  pre.textContent = blob.type.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
  return pre;
}

/** A link to a problem opens it. */
function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}

/** Mark in the contents what is being read. */
function followReading() {
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const anchors = document.querySelectorAll("nav li a");
  const links = new Map([...anchors].map((link) => [link.hash.slice(1), link]));
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        links.get(target.id)?.classList.toggle("here", isIntersecting);
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const id of links.keys()) {
    const target = document.getElementById(id);
    if (target) observer.observe(target);
  }
}
