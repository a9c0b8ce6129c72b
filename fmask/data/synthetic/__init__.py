"""The rendered data set: scenes of people with masks and hats, drawn as layers of painted shapes.

Coordinates are photo pixels, x then y, with integers at pixel centres. Colours are RGB in [0, 255].
"""
