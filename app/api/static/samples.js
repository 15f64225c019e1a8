// The sample pictures that lie with the models, offered in a row.

import * as server from "./server.js";

export async function offerSamples({ take }) {
  const samples = await server.samples().catch(() => []);
  document.getElementById("samples-field").hidden = !samples.length;
  document.getElementById("samples").replaceChildren(
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
