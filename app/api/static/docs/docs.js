// The contract's page, alive: lines to copy that name this server, and requests to try.

const written = document.body.dataset.origin;

for (const code of document.querySelectorAll(".snippets code")) {
  code.textContent = code.textContent.replaceAll(written, location.origin);
  offerCopy(code);
}
for (const form of document.querySelectorAll("form")) {
  form.closest(".try").hidden = false;
  const asked = form.querySelector(".asked code");
  const show = () => { asked.textContent = shellLine(request(form)); };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  show();
  offerCopy(asked);
}
openTarget();
addEventListener("hashchange", openTarget);
followReading();

function offerCopy(code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Without https a page has no clipboard, but may copy what is marked.
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  code.closest("figure").querySelector("figcaption").append(button);
}

/** What a form asks for: `{method, url, headers, file}`; fields left empty are left out. */
function request(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const control of form.querySelectorAll("[data-in]")) {
    const value = control.value.trim();
    if (control.dataset.in === "path") {
      path = path.replace(`{${control.name}}`, encodeURIComponent(value));
    } else if (value && control.dataset.in === "query") {
      query.set(control.name, value);
    } else if (value) {
      headers[control.name] = value;
    }
  }
  const url = query.size ? `${path}?${query}` : path;
  const chooser = form.querySelector('[type="file"]');
  return { method: form.dataset.method, url, headers, chooser, file: chooser?.files[0] };
}

/** The same request from a shell. */
function shellLine({ url, headers, chooser, file }) {
  const words = ["curl"];
  if (chooser) words.push("-F", quoted(`image=@${file ? file.name : "photo.jpg"}`));
  for (const [name, value] of Object.entries(headers)) words.push("-H", quoted(`${name}: ${value}`));
  if (new URLSearchParams(url.split("?")[1]).get("format") === "png") words.push("-o", "drawn.png");
  return [...words, quoted(location.origin + url)].join(" ");
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

async function send(form) {
  const { method, url, headers, file } = request(form);
  const button = form.querySelector(".send button");
  const said = form.querySelector("output");
  const place = form.querySelector(".answered");
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

/** An element with the answer: a picture, indented JSON, or text. */
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
  if (target?.matches("details")) target.open = true;
}

/** Mark in the contents what is being read. */
function followReading() {
  const links = new Map(
    [...document.querySelectorAll("nav li a")].map((link) => [link.hash.slice(1), link]),
  );
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        links.get(target.id).classList.toggle("here", isIntersecting);
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const id of links.keys()) observer.observe(document.getElementById(id));
}
