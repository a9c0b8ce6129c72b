"""Training runs: fit, checkpoints, resuming and reproducing."""
