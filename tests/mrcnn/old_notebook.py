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

# %%
target_rpn_match, target_rpn_bbox = modellib.build_rpn_targets(
    image.shape, model.get_anchors(image.shape) * 0 + model.anchors, gt_class_id, gt_bbox, config
)
positive_anchors = model.anchors[np.where(target_rpn_match == 1)[0]]
refined_anchors = utils.apply_box_deltas(
    positive_anchors, target_rpn_bbox[: positive_anchors.shape[0]] * config.RPN_BBOX_STD_DEV
)
visualize.draw_boxes(image, boxes=positive_anchors, refined_boxes=refined_anchors, ax=get_ax())

# %%
pillar = model.keras_model.get_layer("ROI").output
nms_node = model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")
if nms_node is None:
    nms_node = model.ancestor(pillar, "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0")
rpn = model.run_graph(
    [image],
    [
        ("rpn_class", model.keras_model.get_layer("rpn_class").output),
        ("pre_nms_anchors", model.ancestor(pillar, "ROI/pre_nms_anchors:0")),
        ("refined_anchors", model.ancestor(pillar, "ROI/refined_anchors:0")),
        ("refined_anchors_clipped", model.ancestor(pillar, "ROI/refined_anchors_clipped:0")),
        ("post_nms_anchor_ix", nms_node),
        ("proposals", model.keras_model.get_layer("ROI").output),
    ],
)
limit = 20
sorted_anchor_ids = np.argsort(rpn["rpn_class"][:, :, 1].flatten())[::-1]
visualize.draw_boxes(image, boxes=model.anchors[sorted_anchor_ids[:limit]], ax=get_ax())
refined_clipped = utils.denorm_boxes(rpn["refined_anchors_clipped"][0], image.shape[:2])
ixs = rpn["post_nms_anchor_ix"][:limit]
visualize.draw_boxes(image, refined_boxes=refined_clipped[ixs], ax=get_ax())
h, w = config.IMAGE_SHAPE[:2]
proposals = rpn["proposals"][0, :limit] * np.array([h, w, h, w])

# %%
mrcnn = model.run_graph(
    [image],
    [
        ("proposals", model.keras_model.get_layer("ROI").output),
        ("probs", model.keras_model.get_layer("mrcnn_class").output),
        ("deltas", model.keras_model.get_layer("mrcnn_bbox").output),
        ("masks", model.keras_model.get_layer("mrcnn_mask").output),
        ("detections", model.keras_model.get_layer("mrcnn_detection").output),
    ],
)
det_class_ids = mrcnn["detections"][0, :, 4].astype(np.int32)
det_count = np.where(det_class_ids == 0)[0][0]
det_class_ids = det_class_ids[:det_count]
det_boxes = utils.denorm_boxes(mrcnn["detections"][0, :, :4], image.shape[:2])
det_mask_specific = np.array([mrcnn["masks"][0, i, :, :, c] for i, c in enumerate(det_class_ids)])
det_masks = np.array(
    [utils.unmold_mask(m, det_boxes[i], image.shape) for i, m in enumerate(det_mask_specific)]
)

# %%
activations = model.run_graph(
    [image],
    [
        ("input_image", tf.identity(model.keras_model.get_layer("input_image").output)),
        ("res4b_out", model.keras_model.get_layer("res4b_out").output),
        ("rpn_bbox", model.keras_model.get_layer("rpn_bbox").output),
        ("roi", model.keras_model.get_layer("ROI").output),
    ],
)
unmolded = modellib.unmold_image(activations["input_image"][0], config)
visualize.display_images(np.transpose(activations["res4b_out"][0, :, :, :4], [2, 0, 1]), cols=4)

# %%
visualize.display_weight_stats(model)
layers = model.get_trainable_layers()
model_path = os.path.join(OUT_DIR, "mask_rcnn_blotch.h5")
model.keras_model.save_weights(model_path)
