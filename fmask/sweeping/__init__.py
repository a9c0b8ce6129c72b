"""Many runs from one command: a grid, or a search by Optuna.

    sweep.py ─ Hydra ─┬─ grid: every combination ──────────┬─ launcher ─ job, job, job ─ one MLflow run each
                      └─ search: Optuna proposes trials ───┘

Hydra's parts are a *sweeper*, which decides what to run, and a *launcher*, which runs it. Both sweepers here work with
any launcher, and with any job: a function of a configuration that returns its metrics. The sweep is an MLflow run of
its own, the parent of its jobs' runs, and keeps the table of what came out.
"""

from fmask.sweeping.check import check
from fmask.sweeping.main import main

__all__ = ["check", "main"]
