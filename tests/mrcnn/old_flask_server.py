"""A server as users of Matterport's package wrote them, with their cure for Flask's threads.

Arguments: weight file, port. A test starts it as it is.
"""

import io
import os
import sys

import numpy as np
import tensorflow as tf
from flask import Flask, jsonify, request
from keras import backend as K  # noqa: N812
from PIL import Image

sys.path.append(os.path.abspath("."))

import mrcnn.model as modellib
from mrcnn.config import Config

app = Flask(__name__)
graph = tf.compat.v1.get_default_graph()
sess = tf.compat.v1.Session(config=tf.compat.v1.ConfigProto(allow_soft_placement=True))
model = None


class SignConfig(Config):
    NAME = "sign"
    BACKBONE = "resnet26_narrow"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_INFERENCE = 100
    DETECTION_MIN_CONFIDENCE = 0.25


def load_model(path):
    global model
    with graph.as_default():
        K.set_session(sess)
        model = modellib.MaskRCNN(mode="inference", model_dir="logs", config=SignConfig())
        model.load_weights(path, by_name=True)
        model.keras_model._make_predict_function()


@app.route("/detect", methods=["POST"])
def detect():
    image = np.array(Image.open(io.BytesIO(request.get_data())).convert("RGB"))
    with graph.as_default():
        K.set_session(sess)
        r = model.detect([image], verbose=0)[0]
    return jsonify(
        rois=r["rois"].tolist(),
        class_ids=r["class_ids"].tolist(),
        scores=r["scores"].tolist(),
        areas=r["masks"].sum(axis=(0, 1)).tolist(),
    )


if __name__ == "__main__":
    load_model(sys.argv[1])
    app.run(host="127.0.0.1", port=int(sys.argv[2]), debug=False, threaded=True)
