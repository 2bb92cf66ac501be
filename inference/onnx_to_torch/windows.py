"""Operators that look through a window: convolutions, pooling, resizing; in two dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.nn import functional

from inference.onnx_to_torch.attributes import Attributes, UnsupportedError

__all__ = ["average_pool", "convolution", "max_pool", "resize", "transposed_convolution"]


def convolution(attributes: Attributes) -> Callable[..., Tensor]:
    """Conv."""
    before, padding = _padding(attributes)
    strides, dilations = attributes.integers("strides", (1, 1)), attributes.integers("dilations", (1, 1))
    groups = attributes.integer("group", 1)

    def convolve(value: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if weight.ndim != 4:
            raise UnsupportedError(f"{weight.ndim - 2} dimensions")
        padded = functional.pad(value, before) if before else value
        return functional.conv2d(padded, weight, bias, strides, padding, dilations, groups)

    return convolve


def transposed_convolution(attributes: Attributes) -> Callable[..., Tensor]:
    """ConvTranspose."""
    before, padding = _padding(attributes)
    if before or attributes.present("output_shape"):
        raise UnsupportedError("uneven padding")
    strides, dilations = attributes.integers("strides", (1, 1)), attributes.integers("dilations", (1, 1))
    more, groups = attributes.integers("output_padding", (0, 0)), attributes.integer("group", 1)

    def convolve(value: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if weight.ndim != 4:
            raise UnsupportedError(f"{weight.ndim - 2} dimensions")
        return functional.conv_transpose2d(value, weight, bias, strides, padding, more, groups, dilations)

    return convolve


def max_pool(attributes: Attributes) -> Callable[..., Tensor]:
    """MaxPool."""
    before, padding = _padding(attributes)
    window, strides = _window(attributes)
    dilations, ceiling = attributes.integers("dilations", (1, 1)), bool(attributes.integer("ceil_mode", 0))
    if attributes.outputs != 1:
        raise UnsupportedError("places of the largest values")

    def pool(value: Tensor) -> Tensor:
        padded = functional.pad(value, before, value=float("-inf")) if before else value
        return functional.max_pool2d(padded, window, strides, padding, dilations, ceiling)

    return pool


def average_pool(attributes: Attributes) -> Callable[..., Tensor]:
    """AveragePool."""
    before, padding = _padding(attributes)
    window, strides = _window(attributes)
    ceiling, all_count = bool(attributes.integer("ceil_mode", 0)), bool(attributes.integer("count_include_pad", 0))
    if (before and not all_count) or attributes.integers("dilations", (1, 1)) != [1, 1]:
        raise UnsupportedError("uneven padding or dilations")

    def pool(value: Tensor) -> Tensor:
        padded = functional.pad(value, before) if before else value
        return functional.avg_pool2d(padded, window, strides, padding, ceiling, all_count)

    return pool


def resize(attributes: Attributes) -> Callable[..., Tensor]:
    """Resize, of the last two axes, by whole factors if nearest."""
    mode = attributes.require("mode", "nearest", "nearest", "linear")
    if mode == "nearest":
        # Both ways of placing pixels agree on whole factors, and `_resized` takes no others.
        attributes.require("coordinate_transformation_mode", "half_pixel", "asymmetric", "half_pixel")
        attributes.require("nearest_mode", "round_prefer_floor", "floor", "round_prefer_floor")
        corners = None
    else:
        corners = (
            attributes.require("coordinate_transformation_mode", "half_pixel", "half_pixel", "align_corners") != "half_pixel"
        )
    if attributes.integer("antialias", 0) or attributes.present("axes"):
        raise UnsupportedError("antialias or axes")
    asymmetric_linear = mode == "linear" and attributes.opset < 11
    if asymmetric_linear:
        raise UnsupportedError(f"the form of operator set {attributes.opset}")

    def resized(value: Tensor, _: Tensor | None = None, scales: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
        if sizes is not None:
            target = sizes.tolist()[-2:]
        elif scales is not None:
            target = [int(length * scale) for length, scale in zip(value.shape[-2:], scales.tolist()[-2:], strict=True)]
        else:
            raise UnsupportedError("neither scales nor sizes")
        return _resized(value, target, corners)

    return resized


def _resized(value: Tensor, target: Sequence[int], corners: bool | None) -> Tensor:
    size = [int(length) for length in target]
    if corners is not None:
        return functional.interpolate(value, size, mode="bilinear", align_corners=corners)
    if any(length % given for length, given in zip(size, value.shape[-2:], strict=True)):
        raise UnsupportedError("nearest by a broken factor")
    return functional.interpolate(value, size, mode="nearest")


def _padding(attributes: Attributes) -> tuple[list[int], list[int]]:
    """What must be padded beforehand (left, right, top, bottom; empty: nothing), and what torch pads evenly itself."""
    attributes.require("auto_pad", "NOTSET", "NOTSET", "VALID")
    top, left, bottom, right = attributes.integers("pads", (0, 0, 0, 0))
    return ([], [top, left]) if (top, left) == (bottom, right) else ([left, right, top, bottom], [0, 0])


def _window(attributes: Attributes) -> tuple[list[int], list[int]]:
    window = attributes.integers("kernel_shape", ())
    if len(window) != 2:
        raise UnsupportedError(f"{len(window)} dimensions")
    return window, attributes.integers("strides", (1, 1))
