"""The Mask R-CNN: its layers, losses, settings and weight files."""
