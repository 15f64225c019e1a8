"""Trains the demo model, and writes it as BigQuery ML exports a logistic regression.

    python -m app.kinds.saved_model.train_iris models/iris/1

The flowers are Fisher's (1936). TensorFlow only writes the graph: with 150 rows and 15 weights the
best ones are found by Newton's method, the same on every machine up to rounding.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
LABEL = "species"
# BigQuery ML's order is its own, too; clients read it from `species_values`.
SPECIES = ("virginica", "versicolor", "setosa")
# Without it the weights that tell setosa from the others would grow for ever.
_PENALTY = 0.03
_STEPS = 30


def flowers() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the measures in cm [150, 4], and each flower's place in `SPECIES` [150]."""
    with Path(__file__).with_name("iris.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    measures = [[float(row[column]) for column in COLUMNS] for row in rows]
    return np.array(measures), np.array([SPECIES.index(row[LABEL]) for row in rows])


def train(measures: NDArray[np.float64], species: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights of a softmax regression [5, 3], the last row for the constant."""
    inputs = np.hstack([measures, np.ones((len(measures), 1))])
    wanted = np.eye(len(SPECIES))[species]
    penalty = np.repeat([_PENALTY] * len(COLUMNS) + [1e-6], len(SPECIES))
    weights = np.zeros(inputs.shape[1] * len(SPECIES))
    for _ in range(_STEPS):
        found = _softmax(inputs @ weights.reshape(-1, len(SPECIES)))
        slope = (inputs.T @ (found - wanted)).ravel() + penalty * weights
        spread = np.einsum("nj,jk->njk", found, np.eye(len(SPECIES)))
        spread -= np.einsum("nj,nk->njk", found, found)
        curve = np.einsum("na,nb,njk->ajbk", inputs, inputs, spread).reshape(2 * slope.shape)
        weights = weights - np.linalg.solve(curve + np.diag(penalty), slope)
    return weights.reshape(-1, len(SPECIES))


def evaluate() -> dict[str, Any]:
    """Return how the model does on each flower when it was trained on all the others."""
    measures, species = flowers()
    confused = {name: dict.fromkeys(SPECIES, 0) for name in SPECIES}
    for index in range(len(species)):
        others = np.arange(len(species)) != index
        weights = train(measures[others], species[others])
        found = int(np.argmax(np.append(measures[index], 1.0) @ weights))
        confused[SPECIES[species[index]]][SPECIES[found]] += 1
    right = sum(confused[name][name] for name in SPECIES)
    return {
        "method": "leave one out",
        "flowers": len(species),
        "accuracy": right / len(species),
        "found_by_species": confused,
    }


def export(weights: NDArray[np.float64], folder: Path) -> None:
    """Write the graph and its variables, in TensorFlow 1's form, into a folder that is not there.

    Inputs are DOUBLE [-1] by the columns' names. Outputs: `predicted_species` STRING [-1, 1],
    `species_probs` DOUBLE [-1, 3], `species_values` STRING [-1, 3].
    """
    from app.kinds.frameworks import tf

    v1, graph = tf.compat.v1, tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        inputs = {name: v1.placeholder(tf.float64, [None], name=name) for name in COLUMNS}
        slopes = v1.get_variable("weights", initializer=weights[:-1], use_resource=True)
        constant = v1.get_variable("intercept", initializer=weights[-1], use_resource=True)
        scores = tf.matmul(tf.stack(list(inputs.values()), axis=1), slopes) + constant
        labels = tf.constant(SPECIES)
        best = tf.gather(labels, tf.argmax(scores, axis=1))
        outputs = {
            f"predicted_{LABEL}": tf.expand_dims(best, 1, name="output_class"),
            f"{LABEL}_probs": tf.nn.softmax(scores, name="output_probs"),
            f"{LABEL}_values": tf.tile(
                labels[tf.newaxis], [tf.shape(scores)[0], 1], name="output_labels"
            ),
        }
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.predict_signature_def(inputs, outputs)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge, and write model and evaluation into a folder; other files of it stay."""
    parser = argparse.ArgumentParser(description="Train the iris demo model.")
    parser.add_argument("folder", type=Path, help="where it goes, such as models/iris/1")
    folder: Path = parser.parse_args(argv).folder
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        written = Path(made, "iris")
        export(train(*flowers()), written)
        for file in (written / "saved_model.pb", *(written / "variables").iterdir()):
            (folder / file.relative_to(written)).write_bytes(file.read_bytes())
    found = evaluate()
    (folder / "evaluation.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"{found['accuracy']:.3f} of {found['flowers']} flowers, each left out of the training")


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
