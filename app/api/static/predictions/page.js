// The page of the prediction log: what is asked for, and following it as it grows.

/** @import { Filter } from "./log.js" */

import { element } from "../elements.js";
import { models, Problem } from "../server.js";
import { sentence } from "../words.js";
import { showGlance } from "./glance.js";
import { address, coming, rows as askedRows, summary } from "./log.js";
import { One } from "./one.js";
import { Rows } from "./rows.js";

const WAIT_S = 15;
const PAUSE_MS = 3000;
// Charts count the whole log: they are not drawn anew for every row.
const GLANCE_EACH_MS = 4000;

const rows = new Rows((id) => one.open(id));
const one = new One({
  shown: (id) => rows.choose(id),
  judged: (id, agrees) => {
    rows.judge(id, agrees);
    glance();
  },
});
/** @type {string | null} */
let next = null;
let newest = "";
let following = new AbortController();
let drawnAt = 0;
let drawing = 0;

/** What the form says, as parameters. @returns {Filter} */
function filter() {
  /** @type {Filter} */
  const asked = {};
  for (const [name, value] of new FormData(element("filters"))) {
    if (typeof value !== "string" || !value.trim()) continue;
    if (name === "period") {
      asked.since = new Date(Date.now() - Number(value) * 1000).toISOString();
    } else {
      asked[name] = value.trim();
    }
  }
  return asked;
}

/** @param {unknown} error */
function tellOf(error) {
  const notice = element("log-notice");
  notice.hidden = error === null;
  if (error instanceof Problem) notice.textContent = `${sentence(error.title)} ${sentence(error.detail)}`;
  else if (error !== null) notice.textContent = sentence(String(error));
}

/** Ask for everything anew, and follow what comes. */
async function begin() {
  following.abort();
  const mine = (following = new AbortController());
  try {
    const asked = filter();
    const page = await askedRows(asked);
    if (mine.signal.aborted) return;
    tellOf(null);
    rows.clear();
    rows.below(page.predictions);
    ({ next, newest } = page);
    element("as-csv").href = address("/predictions", { ...asked, format: "csv" });
    element("as-ndjson").href = address("/predictions", { ...asked, format: "ndjson" });
    showFoot();
    await glance();
  } catch (error) {
    if (mine.signal.aborted) return;
    tellOf(error);
    if (!(error instanceof Problem && error.isPassing)) return;
    await pause(error);
    if (!mine.signal.aborted) begin();
    return;
  }
  follow(mine.signal);
}

/** @param {AbortSignal} signal Ends it. */
async function follow(signal) {
  while (!signal.aborted && element("live").checked && !document.hidden) {
    try {
      const page = await coming(filter(), newest, WAIT_S, signal);
      if (signal.aborted) return;
      tellOf(null);
      rows.above(page.predictions);
      newest = page.newest;
      showFoot();
      if (page.predictions.length) glanceSoon();
    } catch (error) {
      if (signal.aborted) return;
      tellOf(error);
      await pause(error);
    }
  }
}

/** @param {unknown} error */
function pause(error) {
  const told = error instanceof Problem && error.retryAfter ? error.retryAfter * 1000 : 0;
  return new Promise((resolve) => setTimeout(resolve, Math.max(PAUSE_MS, told)));
}

async function glance() {
  drawnAt = Date.now();
  showGlance(await summary(filter()));
}

function glanceSoon() {
  if (drawing) return;
  drawing = window.setTimeout(() => {
    drawing = 0;
    glance().catch(tellOf);
  }, Math.max(0, drawnAt + GLANCE_EACH_MS - Date.now()));
}

async function older() {
  if (!next) return;
  try {
    const page = await askedRows(filter(), next);
    rows.below(page.predictions);
    ({ next } = page);
    showFoot();
  } catch (error) {
    tellOf(error);
  }
}

function showFoot() {
  element("older").hidden = !next;
  element("nothing").hidden = !rows.isEmpty;
  const isFiltered = Object.keys(filter()).length > 0;
  element("nothing").textContent = isFiltered
    ? "No row is like this."
    : "Nothing was predicted yet: what is comes here by itself.";
}

/** Offer the names of the models that are served. */
async function offerModels() {
  const names = new Set((await models()).map(({ name }) => name));
  element("model-names").replaceChildren(...[...names].map((name) => new Option(name, name)));
}

const form = element("filters");
form.addEventListener("change", () => form.checkValidity() && begin());
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(begin));
element("older").addEventListener("click", older);
element("live").addEventListener("change", begin);
document.addEventListener("visibilitychange", () => !document.hidden && begin());
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") one.close();
});
const given = new URLSearchParams(location.search);
for (const [name, value] of given) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
}
offerModels().catch(() => {});
begin();
