"""Colour splash: pictures that are grey except for the detected objects.

The modules are style (the picture), photo (one photo) and targets (inputs and output files).
"""
