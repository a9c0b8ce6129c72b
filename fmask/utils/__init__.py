"""What every other folder may use, and nothing about masks or hats."""
