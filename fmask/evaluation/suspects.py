"""Labels that may be wrong, found by networks that were not trained on their photos.

Each suspect has a kind and a *suspicion* in [0, 1]. It is the probability that the label is wrong, for a share
`PRIOR` of wrong labels. It follows from a ratio: how probable the detections are if the label is wrong, divided by how
probable they are if it is right (`fmask.evaluation.suspicion`). Suspicions of different kinds are therefore comparable.
They are not error rates: networks are sure of some of their own errors.

- *missing outline*: a detection on no annotated object. The ratio is the odds of its score.
- *wrong class*: a detection of another class whose mask has an IoU of at least 0.5 with the object. The ratio is the
  odds of its score; the suspicion is multiplied by 1 minus the highest score of the object's own class there.
- *sloppy outline*: a detection of the object's class whose IoU with the object is low for this class. The suspicion is
  multiplied by the score.
- *spurious outline*: an object without a detection, or with only a detection of low score. The ratio is 1 over the
  share of objects of similar size whose detections score as low; the suspicion is multiplied by 1 minus the score.
- *duplicate outline*: an object that has an IoU of at least 0.5 with another one, whose detection scores higher. The
  suspicion is this IoU.

An object has the kind with the highest suspicion. With several networks, each suspicion is the mean over those that
were not trained on the photo, and what a network does not see counts as 0.

Ranking labels by networks that were not trained on them is the idea of confident learning (Northcutt, Jiang & Chuang
2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70). The kinds of errors are those of
ObjectLab (Tkachenko, Thyagarajan & Mueller 2023, arXiv:2309.00832), which scores them differently.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from fmask.evaluation.outcomes import overlaps
from fmask.evaluation.suspicion import UsualIoU, odds_ratio, posterior, unseen_ratios, usual_ious
from fmask.structures.annotations import Photo, Region
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths, area, mask_ious

SAME_IOU = 0.5
"""Smallest mask IoU of two outlines of the same object."""
NEAR_IOU = 0.1
"""Smallest mask IoU of a detection with the object that it is about."""
SEEN_IOU = 0.25
"""Smallest mask IoU of a detection that sees an object."""
ON_SHARE = 0.5
"""Smallest share of a detection's mask on an object or on ignored regions, so that it proposes no further object."""


class Kind(StrEnum):
    """The kind of a suspect."""

    MISSING = "missing outline"
    CLASS = "wrong class"
    SLOPPY = "sloppy outline"
    SPURIOUS = "spurious outline"
    DUPLICATE = "duplicate outline"


@dataclass(frozen=True)
class Suspect:
    """A label that may be wrong."""

    place: int
    """Index of the photo in the list of photos."""
    kind: Kind
    suspicion: float
    """In [0, 1]."""
    region: Region | None
    """The annotated object; None for a missing outline."""
    label: str | None = None
    """The class that the networks propose; None if they propose no outline."""
    mask: RunLengths | None = None
    """The mask that they propose, that of the highest score."""
    score: float = 0.0
    """The highest score of the detections that propose it, in [0, 1]; 0 without a proposal."""
    iou: float | None = None
    """Mask IoU of the proposal, or of the other outline of a duplicate, with the object."""


@dataclass(frozen=True)
class _Object:
    """An annotated object as one network sees it."""

    place: int
    region: Region
    size: float
    """The square root of the area of its mask, as a share of the photo's longer side."""
    seen: float
    """The highest score of a detection of any class on it."""
    own: Suspect | None
    """The detection of its class that fits it best; the suspicion is not yet known."""
    own_score: float
    """The highest score of a detection of its class that has `SAME_IOU`."""
    other: Suspect | None
    """The detection of another class with the highest score that has `SAME_IOU`, with the suspicion."""
    twin: float
    """The highest IoU with another object that is seen more; 0 below `SAME_IOU`."""


def find_suspects(photos: Sequence[Photo], tests: Sequence[tuple[int, EncodedDetections]]) -> list[Suspect]:
    """Rank the labels of photos by the suspicion that they are wrong: every object, and every outline that is missing.

    Args:
        photos: annotated photos.
        tests: for each network and photo, the index of the photo, and its detections of any score, best score first.
            The network must not have been trained on the photo. A photo may occur several times.

    Returns:
        The suspects, the highest suspicion first.
    """
    objects: list[_Object] = []
    missing: list[list[Suspect]] = []  # those of each test
    for place, found in tests:
        own, proposed = _compare(place, photos[place], found)
        objects += own
        missing.append(proposed)
    usual = usual_ious(
        [(each.region.class_id, iou) for each in objects if each.own and (iou := each.own.iou or 0.0) >= SAME_IOU],
        {each.region.class_id for each in objects},
    )
    ratios = unseen_ratios(np.array([each.size for each in objects]), np.array([each.seen for each in objects]))
    judged: dict[tuple[int, int], list[list[Suspect]]] = {}
    for each, ratio in zip(objects, ratios, strict=True):
        judged.setdefault((each.place, each.region.index), []).append(_judge(each, float(ratio), usual))
    networks = np.bincount([place for place, _ in tests], minlength=len(photos))
    suspects = [max(_means(each), key=lambda suspect: suspect.suspicion) for each in judged.values()]
    suspects += _merge(missing, networks)
    return sorted(suspects, key=lambda each: (-each.suspicion, each.place))


def photo_suspicions(suspects: Sequence[Suspect]) -> dict[int, float]:
    """Return the probability that any label of a photo is wrong, by the index of the photo, the highest first."""
    right: dict[int, float] = {}
    for each in suspects:
        right[each.place] = right.get(each.place, 1.0) * (1 - each.suspicion)
    return {place: 1 - value for place, value in sorted(right.items(), key=lambda item: item[1])}


def _compare(place: int, photo: Photo, found: EncodedDetections) -> tuple[list[_Object], list[Suspect]]:
    """Return the objects of a photo as a network sees them, and the outlines that it proposes beside them."""
    pairs = list(zip(photo.regions, photo.run_lengths(), strict=True))
    regions = [region for region, _ in pairs if not region.ignore]
    masks = [mask for region, mask in pairs if not region.ignore]
    measured = overlaps(photo, [mask for _, mask in pairs], found)
    ious, shares, on_ignored = measured.ious, measured.shares, measured.on_ignored >= ON_SHARE
    # Each detection is about the object with the largest IoU.
    about = np.full(len(found), -1)
    if regions:
        about = np.where(ious.max(axis=1) >= NEAR_IOU, ious.argmax(axis=1), -1)
    seen = np.where(ious >= SEEN_IOU, found.scores[:, None], 0).max(axis=0, initial=0)
    twins = mask_ious(masks, masks)

    def suspect(kind: Kind, n: int, region: Region | None, iou: float | None, suspicion: float = 0.0) -> Suspect:
        label = found.classes[found.class_ids[n] - 1]
        return Suspect(place, kind, suspicion, region, label, found.masks[n], float(found.scores[n]), iou)

    objects: list[_Object] = []
    best: set[int] = set()
    for g, region in enumerate(regions):
        near: list[int] = np.flatnonzero(about == g).tolist()
        same = [n for n in near if found.class_ids[n] == region.class_id]
        other = [n for n in near if n not in same and ious[n, g] >= SAME_IOU]
        own_score = max((float(found.scores[n]) for n in same if ious[n, g] >= SAME_IOU), default=0.0)
        own = max(same, key=lambda n: found.scores[n] * ious[n, g], default=None)
        if own is not None:
            best.add(own)
        rivals = [h for h in range(len(regions)) if h != g and (seen[h], -h) > (seen[g], -g)]
        twin = max((float(twins[g, h]) for h in rivals), default=0.0)
        objects.append(
            _Object(
                place,
                region,
                max(area(masks[g]), 1) ** 0.5 / max(photo.width, photo.height),
                float(seen[g]),
                None if own is None else suspect(Kind.SLOPPY, own, region, float(ious[own, g])),
                own_score,
                suspect(
                    Kind.CLASS,
                    other[0],
                    region,
                    float(ious[other[0], g]),
                    posterior(odds_ratio(float(found.scores[other[0]]))) * (1 - own_score),
                )
                if other
                else None,
                twin if twin >= SAME_IOU else 0.0,
            )
        )
    proposed: list[Suspect] = []
    for n, mask in enumerate(found.masks):
        on_object = max(ious[n].max(initial=0) / SAME_IOU, shares[n].max(initial=0) / ON_SHARE) >= 1
        if n in best or on_object or on_ignored[n]:
            continue
        if not any(mask_ious([mask], [each.mask])[0, 0] >= SAME_IOU for each in proposed if each.mask):
            proposed.append(suspect(Kind.MISSING, n, None, None, posterior(odds_ratio(float(found.scores[n])))))
    return objects, proposed


def _judge(each: _Object, unseen: float, usual: dict[int, UsualIoU]) -> list[Suspect]:
    """Return a suspect of each kind that applies to an object, as one network sees it."""
    spurious = Suspect(each.place, Kind.SPURIOUS, posterior(unseen) * (1 - each.seen), each.region)
    suspects = [spurious, *([each.other] if each.other else [])]
    if each.own and each.own.iou is not None and each.region.class_id in usual:
        ratio = usual[each.region.class_id].ratio(each.own.iou)
        suspects.append(replace(each.own, suspicion=each.own.score * posterior(ratio)))
    if each.twin:
        suspects.append(Suspect(each.place, Kind.DUPLICATE, each.twin, each.region, iou=each.twin))
    return suspects


def _means(networks: Sequence[Sequence[Suspect]]) -> list[Suspect]:
    """Return a suspect of each kind, with the mean of its suspicion over the networks that judged the object."""
    kinds: dict[Kind, list[Suspect]] = {}
    for suspects in networks:
        for each in suspects:
            kinds.setdefault(each.kind, []).append(each)
    return [_pooled(own, len(networks)) for own in kinds.values()]


def _merge(proposed: Sequence[Sequence[Suspect]], networks: np.ndarray) -> list[Suspect]:
    """Return one suspect for all proposals of the same outline and class.

    Args:
        proposed: the proposals of each network in each photo. Of two with the same outline, the better one counts.
        networks: number of networks that were not trained on each photo.
    """
    groups: list[dict[int, Suspect]] = []  # by test
    numbered = [(test, each) for test, own in enumerate(proposed) for each in own]
    for test, each in sorted(numbered, key=lambda item: -item[1].suspicion):
        for group in groups:
            first = next(iter(group.values()))
            if (first.place, first.label) == (each.place, each.label) and _iou(first, each) >= SAME_IOU:
                group.setdefault(test, each)
                break
        else:
            groups.append({test: each})
    return [_pooled([*group.values()], int(networks[next(iter(group.values())).place])) for group in groups]


def _pooled(suspects: Sequence[Suspect], networks: int) -> Suspect:
    """Return the suspect of the highest score with the mean of the suspicions; networks without it count as 0."""
    best = max(suspects, key=lambda each: each.score)
    return replace(best, suspicion=sum(each.suspicion for each in suspects) / networks)


def _iou(one: Suspect, other: Suspect) -> float:
    return float(mask_ious([m for m in (one.mask,) if m], [m for m in (other.mask,) if m])[0, 0])
