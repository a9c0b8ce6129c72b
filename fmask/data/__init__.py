"""Photos with VIA annotations, real or rendered, and the samples made from them."""
