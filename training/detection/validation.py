"""How well a network finds the vehicles of labelled pictures, with the very decoding of the live path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from evaluation.detection import LabelledBoxes, score_detections
from inference.letterbox import letterbox
from inference.networks.yolox import probabilities
from inference.nms import suppress
from inference.yolox_head import YoloxHead
from throughline.types import Detections
from training.detection.pictures import LabelledPicture

__all__ = ["class_free_ap50"]

_NMS_IOU = 0.65
_ACROSS_CLASSES_IOU = 0.8


@torch.no_grad()
def class_free_ap50(network: nn.Module, head: YoloxHead, pictures: Sequence[LabelledPicture]) -> float:
    """Average precision at an overlap of one half, whatever type a vehicle was taken for.

    Args:
        network: Gives the raw head; in evaluation mode.
        head: Decodes it; its size is the input's.
        pictures: What to look at.
    """
    device = next(network.parameters()).device
    found = []
    for picture in pictures:
        filled, scale = letterbox(picture.image, head.height, head.width)
        raw = probabilities(network(torch.from_numpy(filled)[None].to(device)))[0].cpu().numpy()
        seen = head.decode(raw)
        rows, columns = picture.image.shape[:2]
        boxes = np.clip(seen.boxes / np.tile(scale, 2), 0, [columns, rows, columns, rows]).astype(np.float32)
        kept = suppress(boxes, seen.scores, seen.classes, _NMS_IOU, iou_across_classes=_ACROSS_CLASSES_IOU)
        found.append(Detections(boxes, seen.scores, seen.classes).select(kept))
    truth = [
        LabelledBoxes(picture.boxes.astype(np.float64), picture.classes, picture.ignored.astype(np.float64))
        for picture in pictures
    ]
    return score_detections(truth, found).ap50
