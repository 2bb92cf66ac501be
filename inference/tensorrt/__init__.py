"""Networks on an NVIDIA GPU through TensorRT 11, 10 or TensorRT-RTX: build, keep plans, run.

Nothing here is imported before the settings ask for TensorRT, or a GPU has been found.
"""
