"""Inference: loading, prediction, input and output files, ONNX export, serving."""
