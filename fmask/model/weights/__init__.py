"""Weight files: reading, writing, and pretrained weights."""
