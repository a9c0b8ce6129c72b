"""A run or a study as one HTML file: style, script and pictures are in it, and it asks no network for anything.

    html = page.of_run(tracking.find_run("latest"))
    html = page.of_study(studies.tabulate(study), study)

`base.html` says in a Content-Security-Policy that nothing may be fetched and that no script but ours may run.
"""

from fmask.report.run import of_run
from fmask.report.study import of_study

__all__ = ["of_run", "of_study"]
