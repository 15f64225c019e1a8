// The sample pictures that lie with the models, offered in a row.

import { element } from "./elements.js";
import * as server from "./server.js";

/** @param {{ take: (sample: contract.Sample) => void }} on */
export async function offerSamples({ take }) {
  const samples = await server.samples().catch(() => []);
  element("samples-field").hidden = !samples.length;
  element("samples").replaceChildren(
    ...samples.map((sample) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sample";
      button.title = `${sample.model}: ${sample.name}`;
      const image = new Image();
      image.src = sample.url;
      image.alt = `Sample ${sample.name}`;
      image.loading = "lazy";
      image.draggable = false;
      button.append(image);
      button.addEventListener("click", () => take(sample));
      return button;
    }),
  );
}
