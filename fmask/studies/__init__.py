"""Studies: the runs of one MLflow experiment, or of a CSV file, as tables with confidence intervals and tests.

    study = studies.collect("fmask")  # or studies.read_runs(Path("runs.csv"))
    tables = studies.tabulate(study)  # one for each data set
    studies.show(tables, console)

"Study" means these runs. The study whose results the table quotes is called "the published study".
"""

from fmask.studies.figure import draw, save
from fmask.studies.output import as_csv, as_markdown, as_rich, show
from fmask.studies.power import Plan, Question, plan
from fmask.studies.power_output import show_plan
from fmask.studies.runs import Study, StudyRun, collect, merge
from fmask.studies.runs_file import read_runs, write_runs
from fmask.studies.sources import read_study
from fmask.studies.table import Row, StudyTable, tabulate

__all__ = [
    "Plan",
    "Question",
    "Row",
    "Study",
    "StudyRun",
    "StudyTable",
    "as_csv",
    "as_markdown",
    "as_rich",
    "collect",
    "draw",
    "merge",
    "plan",
    "read_runs",
    "read_study",
    "save",
    "show",
    "show_plan",
    "tabulate",
    "write_runs",
]
