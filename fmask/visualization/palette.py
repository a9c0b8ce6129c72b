"""Colours that mean something."""

CLASS_COLOURS = ("#0072B2", "#E69F00")
"""One for each of `CLASS_NAMES`; told apart by the colour-blind (Okabe & Ito 2008)."""

ACCENT_COLOUR = "#D55E00"
