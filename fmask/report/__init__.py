"""HTML pages of runs, studies and data sets.

    html = report.run_page(tracking.find_run("latest"), console)
    html = report.study_page(studies.tabulate(study), study)

Each page is one file that contains its styles, script and pictures and loads nothing from the network. The
Content-Security-Policy in `base.html` forbids all requests and all scripts except this one.
"""

from fmask.report.run import run_page
from fmask.report.study import study_page

__all__ = ["run_page", "study_page"]
