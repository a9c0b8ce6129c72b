"""Weight files: reading, writing, and what training can start from."""
