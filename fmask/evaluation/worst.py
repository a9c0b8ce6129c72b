"""The photos in which a network errs most, and most confidently."""

from collections.abc import Sequence
from dataclasses import dataclass

from fmask.evaluation.outcomes import Outcome, Outcomes
from fmask.structures.detections import EncodedDetections


@dataclass(frozen=True)
class PhotoErrors:
    """The errors in one photo."""

    place: int
    """Index of the photo in the list of photos."""
    weight: float
    """The sum over its errors: 1 for a missed object, the highest score of its claims for an object found wrongly, and
    its score for a spurious detection."""
    wrong: int
    """Number of objects found wrongly."""
    missed: int
    spurious: int


def worst_photos(outcomes: Sequence[Outcomes], detections: Sequence[EncodedDetections]) -> list[PhotoErrors]:
    """Return the photos with errors, those of the largest weight first, and in the given order for equal weights.

    Args:
        outcomes: the outcomes of each photo, as from `count_outcomes`.
        detections: the detections in each photo that count.
    """
    errors = [_errors(place, *each) for place, each in enumerate(zip(outcomes, detections, strict=True))]
    return sorted((each for each in errors if each.weight), key=lambda each: -each.weight)


def _errors(place: int, outcomes: Outcomes, found: EncodedDetections) -> PhotoErrors:
    wrong = [
        max(float(found.scores[n]) for n in record.claims)
        for record in outcomes.objects
        if record.outcome is Outcome.FOUND_WRONGLY
    ]
    missed = outcomes.count(Outcome.MISSED)
    weight = missed + sum(wrong) + sum(record.score for record in outcomes.spurious)
    return PhotoErrors(place, weight, len(wrong), missed, len(outcomes.spurious))
