"""How `fmask.data.synthetic.dataset` draws: poses, layers of paint, backgrounds, people, hats, masks.

Coordinates are photo pixels, x then y, integers at pixel centres. Colours are RGB in [0, 255].
"""
