"""The page of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image
from rich.console import Console

from fmask import tracking
from fmask.evaluation import figures
from fmask.evaluation.calibration import ScoredDetections
from fmask.evaluation.confidence_curve import confidence_curve
from fmask.evaluation.diagnosis import diagnose
from fmask.evaluation.diagnosis_figure import lost_ap
from fmask.evaluation.operating_report import ARTIFACT as OPERATING_ARTIFACT
from fmask.evaluation.outcomes import Rate
from fmask.evaluation.reliability_figure import reliability_diagram
from fmask.evaluation.report import RATES
from fmask.evaluation.scores import Scores as ComputedScores
from fmask.evaluation.scores import compute_scores
from fmask.report import charts
from fmask.report.facts import run_facts, run_parts
from fmask.report.objects import OUTCOMES, ObjectRow, class_names, object_rows
from fmask.report.photos import PhotosUnavailable, PredictedPhotos, predict_again
from fmask.report.pictures import Picture, as_jpeg, draw
from fmask.report.render import render
from fmask.structures.hierarchy import parents_name
from fmask.structures.operating_point import OperatingPoint
from fmask.visualization.palette import class_colour, text_colour

MAX_PICTURES = 60
"""Largest number of test photos in a page; browsers are slow to open larger files."""
MAX_SHEET = 2400
"""Longer side in pixels of the sheet of training samples; only a schedule of many augmentations has a larger one."""
Scores = dict[float, dict[str, Any]]
"""The logged scores of a split by confidence."""


@dataclass(frozen=True)
class _Photos:
    """The part of the page about the objects in the test photos."""

    pictures: list[Picture]
    rows: dict[float, list[ObjectRow]]
    """The rows of the table of objects, by confidence."""
    charts: list[Markup]
    """Precision and recall: over each other, and over the confidence."""
    causes: Markup | None
    """AP50 lost by cause and class."""
    note: str
    """Sentences above the table."""


def run_page(run: tracking.RunInfo, console: Console) -> str:
    """Return the HTML page of a run of any status.

    Parts that the run did not log are replaced by a sentence. The model predicts the test photos again if they are
    still available, with a progress bar on `console`.

    Raises:
        UserError: the MLflow store cannot be used.
    """
    confidences = _confidences(run)
    scores = {split: _read_scores(run, split, confidences) for split in ("test", "val")}
    above = {split: _read_scores(run, parents_name(split), confidences) for split in scores}
    split = "val" if scores["val"] and not scores["test"] else "test"  # val, if the data set has no test photos
    tested = scores[split]
    operating = tracking.read_json(run, OPERATING_ARTIFACT)
    photos = _photos(run, split, tested, operating, console) if tested else None
    names = class_names(next(iter(tested.values())))[1:] if tested else []
    return render(
        "run.html",
        run=run,
        facts=run_facts(run),
        parts=run_parts(run),
        params=sorted(run.params.items()),
        split=split,
        scores=scores,
        above={split: each for split, each in above.items() if each},
        rates=RATES,
        confidences=list(tested),
        chosen=_chosen(run, tested),
        photos=photos,
        operating=operating,
        has_detections=_has_detections(operating),
        outcomes=OUTCOMES,
        classes=names,
        colours=[(colour, text_colour(colour)) for colour in map(class_colour, range(1, 1 + len(names)))],
        charts=_curves(run) + (photos.charts if photos else []),
        samples=_training_samples(run),
    )


def _confidences(run: tracking.RunInfo) -> list[float]:
    own = {float(run.params["min_confidence"])} if "min_confidence" in run.params else set()
    return sorted({0.5, 0.9} | own)


def _chosen(run: tracking.RunInfo, tested: Scores) -> float | None:
    """Return the confidence that the page shows first: that of the run, if its scores were logged."""
    own = float(run.params.get("min_confidence", "nan"))
    return own if own in tested else next(iter(tested), None)


def _read_scores(run: tracking.RunInfo, split: str, confidences: Sequence[float]) -> Scores:
    read = {each: tracking.read_json(run, f"scores/{split}_at_{each:g}.json") for each in confidences}
    return {each: _with_precision_all(logged) for each, logged in read.items() if logged is not None}


def _with_precision_all(scores: dict[str, Any]) -> dict[str, Any]:
    """Add `precision_all` to the scores of a run of a version that did not log it."""
    detections = sum(len(record["claims"]) for record in scores["objects"]) + len(scores["spurious"])
    if "precision_all" in scores["metrics"] or not detections:
        return scores
    rate = Rate.of(int(scores["metrics"]["found"]), detections)
    added = {"precision_all": rate.value, "precision_all_low": rate.low, "precision_all_high": rate.high}
    return {**scores, "metrics": {**scores["metrics"], **added}}


def _photos(
    run: tracking.RunInfo, split: str, logged: Scores, operating: dict[str, Any] | None, console: Console
) -> _Photos:
    try:
        predicted = predict_again(run, console, split)
    except PhotosUnavailable as reason:
        rows = {confidence: object_rows(scores) for confidence, scores in logged.items()}
        note = f"{reason} Therefore the page has no pictures, and the scores of detections on objects are unknown."
        return _Photos([], rows, [], None, note)
    pairs = list(zip(predicted.photos, predicted.detections, strict=True))
    again = compute_scores(predicted.photos, predicted.detections, list(logged))
    scores = {confidence: result.to_json() for confidence, result in again.items()}
    found = {photo.name: detections for photo, detections in pairs}
    shown = sorted(pairs, key=lambda pair: pair[0].name)[:MAX_PICTURES]
    chosen = _chosen(run, logged)
    assert chosen is not None  # the caller has scores
    return _Photos(
        pictures=[draw(photo, detections, list(logged)) for photo, detections in shown],
        rows={confidence: object_rows(each, found) for confidence, each in scores.items()},
        charts=_precision_charts(predicted, again[chosen], split) + _reliability_chart(again[chosen], operating, split),
        causes=_causes_chart(predicted, split),
        note=_agreement(logged, scores) + _limit(len(predicted.photos)),
    )


def _precision_charts(predicted: PredictedPhotos, scores: ComputedScores, split: str) -> list[Markup]:
    over_recall = figures.pr_curve(scores.average_precision, split)
    curve = confidence_curve(predicted.photos, predicted.detections)
    over_confidence = figures.confidence_curves(curve, split, scores.min_confidence)
    marked = f"The confidence {scores.min_confidence:g} is marked."
    return [
        charts.as_svg(
            over_recall, "pr", "Precision over recall of masks at an IoU of 0.5, with a curve for each class."
        ),
        charts.as_svg(over_confidence, "confidence", f"Precision, recall and F1 over the confidence. {marked}"),
    ]


def _has_detections(operating: dict[str, Any] | None) -> bool:
    """Return whether the numbers of detections at the operating point were logged; earlier versions did not."""
    splits = operating["splits"].values() if operating else ()
    return all("detections" in own for given in splits for own in given["classes"].values())


def _reliability_chart(scores: ComputedScores, operating: dict[str, Any] | None, split: str) -> list[Markup]:
    """Return the reliability diagram of the photos of a split, if the run has an operating point."""
    if operating is None:
        return []
    calibration = OperatingPoint.from_json(operating["operating_point"], scores.outcomes.classes).calibration
    scored = ScoredDetections.of(scores.average_precision.matches.values())
    figure = reliability_diagram(scored, calibration(scored.scores), split)
    return [charts.as_svg(figure, "reliability", "Precision of detections over their scores, raw and calibrated.")]


def _causes_chart(predicted: PredictedPhotos, split: str) -> Markup:
    causes = diagnose(predicted.photos, predicted.detections)
    lost = causes.lost()
    figure = lost_ap(lost, causes.lost_by_class(), causes.classes, split, causes.ap50)
    listed = ", ".join(f"{cause} {value:.3f}" for cause, value in lost.items())
    return charts.as_svg(figure, "causes", f"AP50 of masks lost by cause, as the mean of the classes: {listed}.")


def _agreement(logged: Scores, again: Scores) -> str:
    """Say whether the new predictions have the logged outcomes; on another machine, rounding can change some."""

    def outcomes(scores: Scores) -> dict[tuple[float, str, int], str]:
        return {
            (confidence, record["photo"], record["region"]): str(record["outcome"])
            for confidence, each in scores.items()
            for record in each["objects"]
        }

    before, now = outcomes(logged), outcomes(again)
    changed = {key[1:] for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
    start = "For this page, the weights of the last epoch predicted the test photos again, which have the logged digest"
    if not changed:
        return f"{start}. All objects have the logged outcome."
    objects = "1 object has another outcome" if len(changed) == 1 else f"{len(changed)} objects have other outcomes"
    return f"{start}. {objects} than logged, because another machine rounds differently."


def _training_samples(run: tracking.RunInfo) -> str | None:
    """Return the logged sheet of training samples as a `data:` URI; None if the run logged none."""
    file = tracking.download(run, "figures/training_samples.png")
    if file is None:
        return None
    with Image.open(file) as sheet:
        return as_jpeg(Image.fromarray(np.asarray(sheet.convert("RGB"))), MAX_SHEET)


def _limit(photos: int) -> str:
    return f" Only the first {MAX_PICTURES} of {photos} photos are shown." if photos > MAX_PICTURES else ""


def _curves(run: tracking.RunInfo) -> list[Markup]:
    names = {f"{split}/{loss}": f"{before}{loss}" for split, before in (("train", ""), ("val", "val_"))
             for loss in tracking.LOSSES if f"{split}/{loss}" in run.metrics}  # fmt: skip
    history = tracking.read_history(run, [*names, *(f"val/{name}" for name in tracking.CURVES)])
    losses = {keras_name: list(history[name].values()) for name, keras_name in names.items()}
    curves = []
    if losses:
        description = "Losses by epoch on the training and validation photos, the total loss first."
        curves.append(charts.as_svg(figures.loss_curves(losses), "losses", description))
    if history["val/mask_ap50"]:
        description = "AP50 of masks and boxes on the validation photos, by epoch."
        curves.append(charts.as_svg(charts.ap_by_epoch(history), "ap", description))
    return curves
