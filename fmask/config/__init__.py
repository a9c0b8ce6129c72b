"""Run configuration: its schema, its checks, and error messages for command-line overrides."""
