"""General utilities for all other packages, independent of masks and hats."""
