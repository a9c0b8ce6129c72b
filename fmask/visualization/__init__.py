"""Colours, boxes and colour splash."""
