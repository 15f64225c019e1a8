"""A script as users of Matterport's package wrote them in 2019. It is run as it is, by a test.

Arguments: weight file, photo, folder for the outcome.
"""

import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

ROOT_DIR = os.path.abspath(".")
sys.path.append(ROOT_DIR)

import mrcnn.model as modellib  # noqa: E402
from mrcnn import utils, visualize  # noqa: E402
from mrcnn.config import Config  # noqa: E402

WEIGHTS_PATH, IMAGE_PATH, OUT_DIR = sys.argv[1:]
MODEL_DIR = os.path.join(OUT_DIR, "logs")


class TrafficConfig(Config):
    NAME = "traffic"
    BACKBONE = "resnet26_narrow"
    GPU_COUNT = 2
    IMAGES_PER_GPU = 4
    NUM_CLASSES = 1 + 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    POST_NMS_ROIS_INFERENCE = 100
    DETECTION_MIN_CONFIDENCE = 0.25


class InferenceConfig(TrafficConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


if not os.path.exists(WEIGHTS_PATH):
    utils.download_trained_weights(WEIGHTS_PATH)

config = InferenceConfig()
config.display()
model = modellib.MaskRCNN(mode="inference", model_dir=MODEL_DIR, config=config)
model.load_weights(WEIGHTS_PATH, by_name=True)
class_names = ["BG", "car", "bus", "bicycle", "sign"]

image = np.array(Image.open(IMAGE_PATH))
results = model.detect([image], verbose=1)
r = results[0]
print("found", len(r["class_ids"]), "objects of", {class_names[i] for i in r["class_ids"]})
for i in range(r["masks"].shape[-1]):
    y1, x1, y2, x2 = r["rois"][i]
    mask = r["masks"][:, :, i]
    print(
        class_names[r["class_ids"][i]], round(float(r["scores"][i]), 3), mask[y1:y2, x1:x2].mean()
    )

_, ax = plt.subplots(1, figsize=(8, 8))
visualize.display_instances(
    image, r["rois"], r["masks"], r["class_ids"], class_names, r["scores"], ax=ax
)
plt.savefig(os.path.join(OUT_DIR, "instances.png"))
np.savez(os.path.join(OUT_DIR, "result.npz"), **r)
