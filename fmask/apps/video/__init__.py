"""Videos and cameras: reading, camera, predict (the model on frames), writing, sound, redraw (into a new video)."""
