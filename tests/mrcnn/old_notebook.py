"""The cells of a notebook that looks into a model, as users of Matterport's package wrote them.

Arguments: weight file, folder for weights. A test runs it as it is and looks at its variables.
"""

# %%
import os
import sys

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

sys.path.append(os.path.abspath("."))

import mrcnn.model as modellib
from mrcnn import utils, visualize
from mrcnn.config import Config
from mrcnn.model import log

WEIGHTS_PATH, OUT_DIR = sys.argv[1:]
DEVICE = "/cpu:0"


class BlotchConfig(Config):
    NAME = "blotch"
    BACKBONE = "resnet26_narrow"
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_INFERENCE = 100
    DETECTION_MIN_CONFIDENCE = 0.25


class BlotchDataset(utils.Dataset):
    def load_blotches(self):
        for i in range(1, 5):
            self.add_class("blotch", i, f"kind {i}")
        self.add_image("blotch", image_id=0, path=None)

    def load_image(self, image_id):
        cells = np.random.RandomState(4).randint(0, 256, (12, 16, 3))
        return cells.repeat(8, 0).repeat(8, 1).astype(np.uint8)

    def load_mask(self, image_id):
        mask = np.zeros([96, 128, 1], dtype=np.uint8)
        mask[16:64, 32:80, 0] = 1
        return mask.astype(bool), np.ones([1], dtype=np.int32)


def get_ax(rows=1, cols=1, size=4):
    _, ax = plt.subplots(rows, cols, figsize=(size * cols, size * rows))
    return ax


# %%
config = BlotchConfig()
config.display()
dataset = BlotchDataset()
dataset.load_blotches()
dataset.prepare()
with tf.device(DEVICE):
    model = modellib.MaskRCNN(mode="inference", model_dir=OUT_DIR, config=config)
model.load_weights(WEIGHTS_PATH, by_name=True)

# %%
image_id = np.random.choice(dataset.image_ids)
image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
    dataset, config, image_id, use_mini_mask=False
)
log("image", image)
log("gt_bbox", gt_bbox)
results = model.detect([image], verbose=1)
r = results[0]
visualize.display_instances(
    image, r["rois"], r["masks"], r["class_ids"], dataset.class_names, r["scores"], ax=get_ax()
)
AP, precisions, recalls, overlaps = utils.compute_ap(
    gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
)
visualize.plot_precision_recall(AP, precisions, recalls)

# %% what the anchors should have said
match, shifts = modellib.build_rpn_targets(image.shape, model.anchors, gt_class_id, gt_bbox, config)
on_object = model.anchors[match == 1]
moved = utils.apply_box_deltas(on_object, shifts[: len(on_object)] * config.RPN_BBOX_STD_DEV)
visualize.draw_boxes(image, boxes=on_object, refined_boxes=moved, ax=get_ax())

# %% what they said
keras_model = model.keras_model
roi = keras_model.get_layer("ROI").output
kept = model.ancestor(roi, "ROI/rpn_non_max_suppression:0")
if kept is None:
    kept = model.ancestor(roi, "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0")
wanted = [("scores", keras_model.get_layer("rpn_class").output), ("kept", kept), ("rois", roi)]
for node in ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped"):
    wanted.append((node, model.ancestor(roi, f"ROI/{node}:0")))
rpn = model.run_graph([image], wanted)
best = rpn["scores"][0, :, 1].argsort()[::-1][:20]
visualize.draw_boxes(image, boxes=model.anchors[best], ax=get_ax())
clipped = utils.denorm_boxes(rpn["refined_anchors_clipped"][0], image.shape[:2])
visualize.draw_boxes(image, refined_boxes=clipped[rpn["kept"][:20]], ax=get_ax())

# %% the heads
names = {
    "probs": "mrcnn_class",
    "deltas": "mrcnn_bbox",
    "masks": "mrcnn_mask",
    "detections": "mrcnn_detection",
}
heads = model.run_graph(
    [image], [(key, keras_model.get_layer(name).output) for key, name in names.items()]
)
kinds = heads["detections"][0, :, 4].astype(int)
kinds = kinds[: list(kinds).index(0)]
boxes = utils.denorm_boxes(heads["detections"][0, :, :4], image.shape[:2])
full_masks = [
    utils.unmold_mask(heads["masks"][0, i, :, :, kind], boxes[i], image.shape)
    for i, kind in enumerate(kinds)
]

# %% feature maps
seen = model.run_graph(
    [image],
    [
        ("picture", tf.identity(keras_model.get_layer("input_image").output)),
        ("stage4", keras_model.get_layer("res4b_out").output),
    ],
)
picture = modellib.unmold_image(seen["picture"][0], config)
visualize.display_images(np.moveaxis(seen["stage4"][0, :, :, :4], -1, 0), cols=4)

# %% weights
visualize.display_weight_stats(model)
layers = model.get_trainable_layers()
saved = os.path.join(OUT_DIR, "mask_rcnn_blotch.h5")
keras_model.save_weights(saved)
