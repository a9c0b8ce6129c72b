"""fmask: find and segment worn face masks and hats with a Keras 3 Mask R-CNN."""

import os

# Read by Keras and TensorFlow when they are first imported. TensorFlow switches oneDNN on by itself only on processors
# with AVX-512, but its convolutions are faster on the others as well.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
