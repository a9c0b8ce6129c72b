"""Sweeps: many runs from one command, as a grid or as an Optuna search.

    sweep.py ─ Hydra ─┬─ grid: every combination ──────────┬─ launcher ─ job, job, job ─ one MLflow run each
                      └─ search: Optuna proposes trials ───┘

Hydra separates the *sweeper*, which decides which jobs to run, from the *launcher*, which runs them. Both sweepers of
this package work with any launcher and with any job, a function that receives a configuration and returns metrics. The
sweep itself is an MLflow run: it is the parent of its jobs' runs and stores the table of their results.
"""

from fmask.sweeping.check import check
from fmask.sweeping.main import main

__all__ = ["check", "main"]
