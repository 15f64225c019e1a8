"""The plain Flask routes, with both models in the process that answers."""

from flask import Flask, Response, jsonify, request

from bench.peers import models

application = Flask(__name__)
_IRIS, _FASHION = models.Iris(), models.Fashion()


@application.post("/iris")
def iris() -> Response:
    """Answer rows of measures."""
    return jsonify(predictions=_IRIS.rows(request.get_json()["instances"]))


@application.post("/fashion")
def fashion() -> Response:
    """Answer a picture that is the body, or pictures in base64."""
    if request.mimetype == "image/png":
        return jsonify(predictions=_FASHION.files([request.get_data()]))
    return jsonify(predictions=_FASHION.rows(request.get_json()["instances"]))
