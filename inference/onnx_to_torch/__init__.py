"""An ONNX file as a module of torch, for the operators that vehicle networks use."""

from inference.onnx_to_torch.module import OnnxModule, UnknownOperatorError

__all__ = ["OnnxModule", "UnknownOperatorError"]
