"""The settings of a run: their schema, their checks, and mistakes on the command line."""
