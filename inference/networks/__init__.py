"""Definitions of the networks in torch: what `training` fits and what becomes ONNX files for the live path.

Only training, export and benchmarks import this package; the live path runs the ONNX files and never imports torch.
"""
