"""Scores and the figures that show them."""
