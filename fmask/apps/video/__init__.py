"""Videos and cameras: reading, camera, finding (the network on frames), writing, sound, stopping, redraw."""
