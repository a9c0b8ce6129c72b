"""Data sets of annotated photos, real or rendered, and the training samples made from them."""
