"""A contender: torchvision's Mask R-CNN with random weights, in an environment of its own.

Its weights are scaled so that signals neither die out nor blow up. Like ours it looks at 1,000
regions, and draws masks for as many detections.
"""

from __future__ import annotations

import argparse

import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from bench.contender import take_turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backbone", choices=["resnet50", "resnet101"])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=81)
    parser.add_argument("--detections", type=int, default=29)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    model = network(arguments.backbone, arguments)
    image = [torch.rand(3, arguments.side, arguments.side)]

    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model(image)
        found = model(image)
        take_turns(
            lambda: model(image),
            gflop=counter.get_total_flops() / 1e9,
            detections=len(found[0]["scores"]),
            versions={"torch": torch.__version__, "torchvision": torchvision.__version__},
        )


def network(backbone: str, arguments: argparse.Namespace) -> MaskRCNN:
    """Return the network as torchvision builds it, at one fixed input size."""
    body = resnet_fpn_backbone(backbone_name=backbone, weights=None, trainable_layers=5)
    for name, module in body.named_modules():
        if name.endswith("bn3"):  # the last of a block: keep what is added to the shortcut small
            module.weight.mul_(0.1)
    model = MaskRCNN(
        body,
        num_classes=arguments.classes,
        min_size=arguments.side,
        max_size=arguments.side,
        rpn_post_nms_top_n_test=1000,
        box_detections_per_img=arguments.detections,
    )
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.bias[1] += 10  # sure of one class, as if trained
    return model.eval()


if __name__ == "__main__":
    main()
