// Asks a server for what is on a picture: node predict.js URL FILE. Its contract's types are generated.
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { paths } from "./contract.js";

const [baseUrl, file] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl });
const b64 = (await readFile(file)).toString("base64");

const { data, error } = await client.POST("/predict", {
  body: { image: { b64 }, min_score: 0.9 },
  params: { query: { model: "shapes" } },
});
if (error) throw new Error(`${error.status}: ${error.detail}`);
if (typeof data === "string" || !("instances" in data)) throw new Error("the model finds no instances");
for (const { label, score, box, mask } of data.instances) {
  const size = mask?.format === "coco_rle" ? mask.size.join(" x ") : "none";
  console.log(JSON.stringify({ label, score, width: box.x_max - box.x_min, mask: size }));
}

const refused = await client.POST("/predict", {
  body: { image: { b64 } },
  params: { query: { model: "nothing" } },
});
console.log(JSON.stringify({ status: refused.response.status, allowed: refused.error?.allowed }));
