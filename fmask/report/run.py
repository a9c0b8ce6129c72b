"""The page of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from rich.console import Console

from fmask import tracking
from fmask.evaluation import figures
from fmask.evaluation.scores import evaluate
from fmask.report import charts
from fmask.report.facts import facts_of, parts_of
from fmask.report.objects import FATES, Item, list_items
from fmask.report.photos import NotSeen, Seen, look_again
from fmask.report.pictures import Picture, draw
from fmask.report.render import render

MOST_PICTURES = 60
"""Test photos that a page shows; more make a file that browsers are slow to open."""
Scores = dict[float, dict[str, Any]]
"""What a run logged of a split, by confidence."""


@dataclass(frozen=True)
class _Photos:
    """The part of the page that needs the network and the photos."""

    pictures: list[Picture]
    items: dict[float, list[Item]]
    precision_recall: Markup | None
    note: str


def of_run(run: tracking.RunInfo, console: Console) -> str:
    """The page of a run, whatever its status: what it did not log is left out, with a sentence that says so.

    The network detects in the test photos again, if they are where they were, under a progress bar on `console`.

    Raises:
        UserError: the store cannot be used.
    """
    confidences = _confidences(run)
    scores = {split: _read_scores(run, split, confidences) for split in ("test", "val")}
    tested = scores["test"]
    photos = _look(run, tested, console) if tested else None
    return render(
        "run.html",
        run=run,
        facts=facts_of(run),
        parts=parts_of(run),
        params=sorted(run.params.items()),
        scores=scores,
        confidences=list(tested),
        chosen=_chosen(run, tested),
        photos=photos,
        fates=FATES,
        charts=_curves(run) + ([photos.precision_recall] if photos and photos.precision_recall else []),
    )


def _confidences(run: tracking.RunInfo) -> list[float]:
    own = {float(run.params["min_confidence"])} if "min_confidence" in run.params else set()
    return sorted({0.5, 0.9} | own)


def _chosen(run: tracking.RunInfo, tested: Scores) -> float | None:
    """The confidence that the page opens with: the run's own."""
    own = float(run.params.get("min_confidence", "nan"))
    return own if own in tested else next(iter(tested), None)


def _read_scores(run: tracking.RunInfo, split: str, confidences: Sequence[float]) -> Scores:
    read = {each: tracking.read_json(run, f"scores/{split}_at_{each:g}.json") for each in confidences}
    return {each: logged for each, logged in read.items() if logged is not None}


def _look(run: tracking.RunInfo, logged: Scores, console: Console) -> _Photos:
    try:
        seen = look_again(run, console)
    except NotSeen as reason:
        items = {each: list_items(scores) for each, scores in logged.items()}
        note = f"{reason} So there are no pictures here, and objects are listed without the scores of their detections."
        return _Photos([], items, None, note)
    again = {each: evaluate(seen.photos, seen.detections, each) for each in logged}
    scores = {each: result.to_json() for each, result in again.items()}
    found = {photo.name: of for photo, of in zip(seen.photos, seen.detections, strict=True)}
    shown = sorted(zip(seen.photos, seen.detections, strict=True), key=lambda each: each[0].name)[:MOST_PICTURES]
    curve = figures.pr_curve(next(iter(again.values())).average_precision)
    about = "Precision over recall of masks at an IoU of 0.5, a curve for each class."
    return _Photos(
        pictures=[draw(photo, of, list(logged)) for photo, of in shown],
        items={each: list_items(of, found) for each, of in scores.items()},
        precision_recall=charts.as_svg(curve, "pr", about),
        note=_agreement(logged, scores) + _cut(seen),
    )


def _agreement(logged: Scores, again: Scores) -> str:
    """Whether the network does what it did when it was scored; other machines round otherwise."""

    def fates(scores: Scores) -> dict[tuple[float, str, int], str]:
        return {
            (each, record["photo"], record["region"]): str(record["outcome"])
            for each, of in scores.items()
            for record in of["objects"]
        }

    before, now = fates(logged), fates(again)
    changed = {key[1:] for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
    start = "The network of the last epoch was run again for this page, on photos with the digest that the run logged"
    if not changed:
        return f"{start}; every object met the same fate as when it was scored."
    count = f"{len(changed)} object{'s' * (len(changed) > 1)}"
    return f"{start}; {count} met another fate than when it was scored, as other machines round otherwise."


def _cut(seen: Seen) -> str:
    more = len(seen.photos) - MOST_PICTURES
    return f" Pictures are of the first {MOST_PICTURES} of {len(seen.photos)} photos." if more > 0 else ""


def _curves(run: tracking.RunInfo) -> list[Markup]:
    names = [name for name in run.metrics if name.endswith("loss") and "/" not in name]
    scored = ["val_mask_ap50", "val_box_ap50"]
    history = tracking.read_history(run, [*sorted(names, key=_total_first), *scored])
    losses = {name: list(history[name].values()) for name in history if name in names}
    curves = []
    if losses:
        about = "Losses by epoch, in training and on validation photos, the total first."
        curves.append(charts.as_svg(figures.loss_curves(losses), "losses", about))
    if history["val_mask_ap50"]:
        about = "AP50 of masks and boxes on validation photos, by epoch."
        curves.append(charts.as_svg(charts.ap_by_epoch(history), "ap", about))
    return curves


def _total_first(name: str) -> tuple[bool, str]:
    return (name != "loss", name)
