"""Lists of runs."""

from fmask.tracking.lookup import TRAINING, RunInfo, _as_info, _client
from fmask.tracking.store import as_user_errors
from fmask.utils.errors import UserError


def recent_trainings(limit: int, study: str | None = None) -> list[RunInfo]:
    """Return the newest trainings of all experiments or of one study, finished or not, newest first.

    Raises:
        UserError: the study or the store does not exist, or the store cannot be used.
    """
    client = _client()
    with as_user_errors():
        names = {each.experiment_id: each.name for each in client.search_experiments()}
        chosen = [key for key, name in names.items() if study in (None, name)]
        if not chosen:
            raise UserError(f"There is no study {study!r}; existing ones: {', '.join(sorted(names.values()))}.")
        runs = client.search_runs(chosen, TRAINING, max_results=limit, order_by=["attributes.start_time DESC"])
        return [_as_info(client, run, names[run.info.experiment_id]) for run in runs]
