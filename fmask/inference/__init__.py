"""A trained network on photos: loading, prediction, files in and out, ONNX, serving."""
