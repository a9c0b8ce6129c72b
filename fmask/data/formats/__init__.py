"""Annotation files: finding, reading, writing and conversion."""
