"""How to ask, from a shell and from Python: lines to copy. A test runs each against a server."""

from __future__ import annotations

import re

ORIGIN = "http://localhost:8080"

_PREDICT = (
    ("A form", "Shell", "curl -F image=@photo.jpg http://localhost:8080/predict"),
    (
        "The picture as the body; what is sure; outlines for masks",
        "Shell",
        "curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' \\\n"
        "  'http://localhost:8080/predict?min_score=0.9&masks=polygon'",
    ),
    (
        "The picture with the instances drawn on it",
        "Shell",
        "curl -F image=@photo.jpg -o drawn.png 'http://localhost:8080/predict?format=png'",
    ),
    (
        "COCO results",
        "Shell",
        "curl -F image=@photo.jpg -F image_id=42 \\\n"
        "  -H 'Accept: application/vnd.slipway.coco+json' http://localhost:8080/predict",
    ),
    (
        "base64 in JSON",
        "Shell",
        '(printf \'{"image": {"b64": "\'; base64 -w0 photo.jpg; printf \'"}}\') |\n'
        "  curl -H 'Content-Type: application/json' --data-binary @- \\\n"
        "  http://localhost:8080/predict",
    ),
    (
        "With requests, and pycocotools for the masks",
        "Python",
        """import requests
from pycocotools import mask

with open("photo.jpg", "rb") as photo:
    answer = requests.post(
        "http://localhost:8080/predict", files={"image": photo}, data={"min_score": 0.5}
    )
if not answer.ok:
    raise SystemExit(answer.json()["detail"])
for instance in answer.json()["instances"]:
    pixels = mask.decode(instance["mask"])  # uint8 [height, width]
    print(instance["label"], instance["score"], instance["box"], pixels.sum())""",
    ),
)


# Each stands where its path does in the lines above.
_PICTURE = "base64 -w0 photo.jpg"
_SENT = f"|\n  curl --data-binary @- {ORIGIN}/predict"
_V1 = (
    (
        "A picture",
        "Shell",
        f'(printf \'{{"instances": [{{"b64": "\'; {_PICTURE}; printf \'"}}]}}\') {_SENT}',
    ),
)
_V2 = (
    (
        "A picture",
        "Shell",
        '(printf \'{"inputs": [{"name": "image_bytes", "datatype": "BYTES", "shape": [1], '
        f'"data": ["\'; {_PICTURE}; printf \'"]}}]}}\') {_SENT}',
    ),
)
_LOG = (
    ("From a shell", "Shell", f"curl '{ORIGIN}/predictions?limit=10&min_score=0.5'"),
    (
        "All of it as a table",
        "Shell",
        f"curl -o predictions.csv '{ORIGIN}/predictions?format=csv'",
    ),
)
_FEEDBACK = (
    (
        "From a shell",
        "Shell",
        f"curl -H 'Content-Type: application/json' {ORIGIN}/feedback \\\n"
        '  -d \'{"prediction_id": "01JD6Z8M1T7C4N9E5H3YVQ0KSB", "truth": {"class_id": 1}}\'',
    ),
)
_CONTROL = f"curl -X POST {ORIGIN}/predict"
_BY_VIEW = {
    "predict.predict": _PREDICT,
    **dict.fromkeys(("v1.predict", "v1.predict_version"), _V1),
    **dict.fromkeys(("v2.infer", "v2.infer_version"), _V2),
    "predictions.list_predictions": _LOG,
    "predictions.erase_prediction": (
        ("From a shell", "Shell", f"curl -X DELETE {ORIGIN}/predict"),
    ),
    "predictions.feedback": _FEEDBACK,
    "v2.repository_index": (("From a shell", "Shell", _CONTROL),),
    **dict.fromkeys(
        ("v2.load_model", "v2.unload_model"),
        (("From a shell", "Shell", f"{_CONTROL} -w '%{{http_code}}\n'"),),
    ),
}
# The model that the lines name finds instances: no class, no number; and no label is its.
_WITHOUT = re.compile(r"v1\.(classify|regress|\w+_label)")


def snippets(endpoint: str, path: str) -> list[dict[str, str]]:
    """Return the lines for one operation, whose path is filled in, as `x-codeSamples` has them."""
    plain = (("From a shell", "Shell", f"curl {ORIGIN}{path}"),)
    given = _BY_VIEW.get(endpoint, () if _WITHOUT.match(endpoint) else plain)
    return [
        {
            "label": label,
            "lang": language,
            "source": re.sub(rf"{ORIGIN}/predict\b(?!ions)", f"{ORIGIN}{path}", source),
        }
        for label, language, source in given
    ]
