"""Colours with a fixed meaning."""

CLASS_COLOURS = ("#0072B2", "#E69F00")
"""One colour for each of `CLASS_NAMES`, distinguishable with colour blindness (Okabe & Ito 2008)."""

ACCENT_COLOUR = "#D55E00"
"""Highlights in figures, from the same palette."""

IGNORED_COLOUR = "#7A7A7A"
"""Annotated regions that are ignored."""
