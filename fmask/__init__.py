"""fmask: find and segment worn face masks and hats with a Keras 3 Mask R-CNN."""
