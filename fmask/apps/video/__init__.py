"""Videos and cameras.

The modules are sources (what an argument names), reading, camera, predict (the model on frames), writing, sound and
redraw (into a new video).
"""
