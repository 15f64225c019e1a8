"""A script of TensorFlow 1, moved to 2 by its first two lines alone. A test runs it as it is.

Arguments: weight file, photo, folder for weights.
"""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

sys.path.append(os.path.abspath("."))

import keras.backend as K  # noqa: E402, N812

import mrcnn.model as modellib  # noqa: E402
from mrcnn.config import Config  # noqa: E402

WEIGHTS_PATH, IMAGE_PATH, OUT_DIR = sys.argv[1:]


class StreetConfig(Config):
    NAME = "street"
    BACKBONE = "resnet26_narrow"
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_INFERENCE = 100
    DETECTION_MIN_CONFIDENCE = 0.25


def get_model(weights):
    model = modellib.MaskRCNN(mode="inference", model_dir=OUT_DIR, config=StreetConfig())
    model.load_weights(weights, by_name=True)
    return model


image = np.array(Image.open(IMAGE_PATH))
saved = os.path.join(OUT_DIR, "saved.h5")

with tf.Session() as sess:
    K.set_session(sess)
    sess.run(tf.global_variables_initializer())
    model = get_model(WEIGHTS_PATH)
    first = model.detect([image])[0]
    graph = model.run_graph([image], [("masks", model.keras_model.get_layer("mrcnn_mask").output)])
    model.keras_model.save_weights(saved)

K.clear_session()
second = get_model(saved).detect([image])[0]
print(
    json.dumps(
        {
            "eager": tf.executing_eagerly(),
            "first": first["rois"].tolist(),
            "second": second["rois"].tolist(),
            "masks": graph["masks"].shape,
        }
    )
)
