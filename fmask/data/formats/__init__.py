"""Annotation files: VIA and COCO, read, written and converted."""
