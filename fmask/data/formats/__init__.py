"""Annotation files in VIA and COCO format: reading, writing and conversion."""
