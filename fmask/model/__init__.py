"""The Mask R-CNN, one concept a file."""
