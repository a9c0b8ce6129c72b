"""Scores of models, and figures of the scores."""
