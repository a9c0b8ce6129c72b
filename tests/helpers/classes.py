"""The classes of the study, of the networks and the annotations of most tests."""

from fmask.data.config import ReadOptions

CLASSES = ("mask", "hat")
OF_STUDY = ReadOptions(classes=CLASSES)
"""How annotations of these classes are read."""
