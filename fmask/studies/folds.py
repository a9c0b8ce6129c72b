"""The runs of one seed as one: with folds, a seed has a run for each fold, and each object is tested in one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fmask.studies.runs import Scored, StudyRun
from fmask.studies.settings import label_of


@dataclass(frozen=True)
class SeedScores:
    """What the networks of one seed scored at the confidence of a table."""

    runs: tuple[StudyRun, ...]
    """A run for each fold, in their order; a single run without folds."""
    scored: Scored
    """The outcomes of all objects, and the detections in all photos."""
    folds: dict[str, int] | None
    """The fold of each photo with objects or detections, from 0; None without folds."""

    @property
    def groups(self) -> dict[str, str]:
        """The group of each test photo that is in one."""
        return {photo: group for run in self.runs for photo, group in run.groups.items()}


def unit_of(seeds: Sequence[SeedScores]) -> Callable[[str], str]:
    """Return the function from a photo to the unit that it belongs to: its group, or itself."""
    groups = {photo: group for seed in seeds for photo, group in seed.groups.items()}
    return lambda photo: f"group {groups[photo]}" if photo in groups else photo


def pool_folds(runs: Sequence[StudyRun], confidence: float) -> SeedScores:
    """Pool the runs of one seed.

    Args:
        runs: a run for each fold, in any order, or a single run without folds.
        confidence: the confidence of the table, at which all were scored.
    """
    runs = sorted(runs, key=lambda run: run.fold or 0)
    scores = [run.scores[confidence] for run in runs]
    if runs[0].fold is None:
        return SeedScores(tuple(runs), scores[0], None)
    detections = [scored.detections for scored in scores]
    return SeedScores(
        tuple(runs),
        Scored(
            outcomes={key: outcome for scored in scores for key, outcome in scored.outcomes.items()},
            spurious=sum(scored.spurious for scored in scores),
            detections={photo: count for each in detections for photo, count in (each or {}).items()},
        ),
        {photo: number for number, run in enumerate(runs) for photo in _photos(run, confidence)},
    )


def complete_seeds(groups: Sequence[list[StudyRun]]) -> tuple[list[list[list[StudyRun]]], dict[str, int]]:
    """Choose the seeds of each setting that have a run for each fold.

    Args:
        groups: the runs of each setting, one for each seed and fold.

    Returns:
        For each setting with a complete seed, the runs of each such seed; and the reasons why other seeds are left out,
        with the number of their runs.
    """
    settings, left_out = [], {}
    for group in groups:
        seeds: dict[str, list[StudyRun]] = {}
        for run in group:
            seeds.setdefault(run.params.get("seed", ""), []).append(run)
        complete = []
        for seed, runs in seeds.items():
            missing = missing_folds(runs)
            if not missing:
                complete.append(runs)
                continue
            which = label_of(runs[0], [each[0] for each in groups])
            place = f"{which} seed={seed}".strip()
            left_out[f"in {place}, which lacks fold{'s' * (len(missing) > 1)} {', '.join(map(str, missing))}"] = len(
                runs
            )
        if complete:
            settings.append(complete)
    return settings, left_out


def missing_folds(runs: Sequence[StudyRun]) -> list[int]:
    """Return the folds that the runs of one seed lack; none for a run without folds."""
    if runs[0].fold is None:
        return []
    tested = {run.fold for run in runs}
    return [fold for fold in range(1, int(runs[0].params["data.folds"]) + 1) if fold not in tested]


def _photos(run: StudyRun, confidence: float) -> set[str]:
    scored = run.scores[confidence]
    return {photo for photo, _ in scored.outcomes} | {*(scored.detections or ()), *(run.matches or ())}
