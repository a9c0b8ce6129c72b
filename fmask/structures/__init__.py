"""Shared data structures: annotations, detections and encoded masks."""
