"""Average precision of runs from the matches in each photo, and how much each photo adds to its deviation.

Average precision is not a sum over photos, so its variance is estimated by linearisation (the infinitesimal jackknife,
Efron 1981): the *influence* of a photo is the derivative of average precision by the photo's weight. The influences of
all photos add up to 0, and the sum of their squares is the variance for other photos, as for a rate. They are those of
the area under the interpolated precision-recall curve, which COCO's 101 recall levels sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fmask.evaluation.matches import IGNORED, IOU_THRESHOLDS, MATCHED, PhotoMatches
from fmask.evaluation.outcomes import Rate
from fmask.studies.folds import SeedScores, unit_of
from fmask.studies.statistics import Difference, difference, interval

RECALL_LEVELS = np.linspace(0, 1, 101)
AP, AP50 = "mask_ap", "mask_ap50"
"""Average precision, the mean over classes: over IoU 0.50:0.05:0.95, and at IoU 0.5. `mask_ap50_<class>` is of one."""


@dataclass(frozen=True)
class RunPrecision:
    """Average precision of one run on its P photos."""

    value: float
    """In [0, 1], as COCO's tools compute it."""
    influence: np.ndarray
    """(P,), by which the value changes if a photo's weight grows by 1; adds up to 0."""
    weights: np.ndarray
    """(P,), each photo's share of the objects, averaged over the classes; adds up to 1."""


def run_precisions(
    matches: Mapping[str, PhotoMatches], photos: Sequence[str], units: Sequence[str] | None = None
) -> dict[str, RunPrecision]:
    """Compute the average precisions of a run.

    Args:
        matches: the matches in each photo, by its name.
        photos: the photos, in the order of the results; all keys of `matches` are among them.
        units: the unit of each photo, which counts as one photo in the results; None if each is its own.

    Returns:
        By `AP`, `AP50` and `mask_ap50_<class>`; without classes that have no objects.
    """
    classes = sorted({name for each in matches.values() for name in each})
    number = {unit: nth for nth, unit in enumerate(dict.fromkeys(units or photos))}
    places = np.array([number[unit] for unit in units or photos], dtype=int)
    of_class = {name: each for name in classes if (each := _class_precision(matches, photos, places, name)) is not None}
    if not of_class:
        return {}
    results = {}
    for key, level in ((AP, slice(None)), (AP50, slice(1))):
        values, influences, shares = zip(
            *(
                (value[level].mean(), influence[level].mean(axis=0), share)
                for value, influence, share in of_class.values()
            ),
            strict=True,
        )
        results[key] = RunPrecision(float(np.mean(values)), np.mean(influences, axis=0), np.mean(shares, axis=0))
    for name, (value, influence, share) in of_class.items():
        results[f"{AP50}_{name}"] = RunPrecision(float(value[0]), influence[0], share)
    return results


@dataclass(frozen=True)
class SettingPrecision:
    """Average precision of a setting: the mean over its runs, of which S were scored on each of the P photos."""

    value: float
    deviations: np.ndarray
    """(S, P), what each run adds in each photo to the deviation from the setting's value; see `spread`."""
    weights: np.ndarray
    """(P,), see `spread`."""


def setting_precision(runs: Sequence[Sequence[RunPrecision]]) -> SettingPrecision:
    """Return the average precision of a setting.

    With folds it is the mean over the folds of each network's own average precision: scores of different networks are
    not compared (Forman & Scholz 2010).

    Args:
        runs: (S, K), the runs of each seed, one for each of the K folds; their influences are of all P photos, and 0 in
            those of other folds.
    """
    values = np.array([[run.value for run in seed] for seed in runs])  # (S, K)
    influence = np.array([sum(run.influence for run in seed) for seed in runs])  # (S, P)
    shares = np.array([run.weights for run in runs[0]])  # (K, P)
    luck = (values - values.mean()) @ shares
    weights = shares.sum(axis=0) + 1e-9 * (influence != 0).any(axis=0)  # photos with spurious detections alone count
    return SettingPrecision(float(values.mean()), (influence + luck) / values.shape[1], weights)


@dataclass(frozen=True)
class StudyPrecisions:
    """Average precision of the settings of a table, on the same P photos."""

    settings: tuple[dict[str, SettingPrecision], ...]
    """For each setting, its average precisions by their names; none if one of its runs did not log its matches."""
    folds: np.ndarray | None
    """(P,), the fold of each photo, from 0; None without folds."""

    @property
    def common(self) -> list[str]:
        """The names of the average precisions that all settings have."""
        first = self.settings[0]
        return [name for name in first if all(name in each for each in self.settings)]

    def rates(self, setting: int) -> dict[str, Rate]:
        """Return the average precisions of a setting with their 95 % intervals."""
        rates = {}
        for name, each in self.settings[setting].items():
            ends = interval(np.array(each.value), each.deviations, each.weights, self.folds)
            rates[name] = Rate(*map(float, ends))
        return rates

    def difference(self, name: str, first: int, second: int) -> Difference:
        """Compare an average precision of two settings."""
        one, other = self.settings[first][name], self.settings[second][name]
        weights = np.maximum(one.weights, other.weights)
        values = (np.array(one.value), np.array(other.value))
        return difference(values, (one.deviations, other.deviations), weights, self.folds)


def precisions_of(settings: Sequence[Sequence[SeedScores]]) -> StudyPrecisions:
    """Compute the average precisions of settings whose seeds were scored on the same photos."""
    seeds = [seed for setting in settings for seed in setting]
    photos = sorted({photo for seed in seeds for run in seed.runs for photo in run.matches or ()})
    unit = unit_of(seeds)
    units = [unit(photo) for photo in photos]
    fold_of = {unit(photo): fold for seed in seeds for photo, fold in (seed.folds or {}).items()}
    folds = np.array([fold_of[each] for each in dict.fromkeys(units)]) if fold_of and photos else None
    return StudyPrecisions(tuple(_setting_precisions(setting, photos, units) for setting in settings), folds)


def _setting_precisions(
    seeds: Sequence[SeedScores], photos: Sequence[str], units: Sequence[str]
) -> dict[str, SettingPrecision]:
    if any(run.matches is None for seed in seeds for run in seed.runs):
        return {}
    runs = [[run_precisions(run.matches or {}, photos, units) for run in seed.runs] for seed in seeds]
    names = [name for name in runs[0][0] if all(name in each for seed in runs for each in seed)]
    return {name: setting_precision([[each[name] for each in seed] for seed in runs]) for name in names}


def _class_precision(
    matches: Mapping[str, PhotoMatches], photos: Sequence[str], places: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return value (T,), influence (T, P) and shares of the objects (P,) of a class at T IoU; None without objects.

    `places` has the number of each photo in the results, from 0 to P - 1.
    """
    here = [matches.get(photo, {}).get(name) for photo in photos]
    objects = np.bincount(places, weights=[each.objects if each else 0 for each in here])
    if not objects.sum():
        return None
    found = [(nth, score, hits) for nth, each in enumerate(here) if each for score, hits in each.found]
    found.sort(key=lambda each: -each[1])  # stable, so that equal scores are in the order of the photos
    photo = places[[nth for nth, *_ in found]]
    flags = np.array([list(hits) for *_, hits in found]).reshape(-1, len(IOU_THRESHOLDS)).T
    value, influence = precision_and_influence(flags == MATCHED, flags != IGNORED, photo, objects)
    return value, influence, objects / objects.sum()


def precision_and_influence(
    matched: np.ndarray, counted: np.ndarray, photo: np.ndarray, objects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute average precision and the influence of each photo on it.

    Args:
        matched: bool (T, D), whether a detection is matched with an object at each IoU; highest score first.
        counted: bool (T, D), False for a detection on a region to ignore.
        photo: int (D,), the photo of each detection, in 0..P - 1.
        objects: (P,), number of objects in each photo; not all 0.

    Returns:
        Average precision (T,), and the influences (T, P).
    """
    hits, total = (matched & counted).astype(float), objects.sum()
    right, number = hits.cumsum(axis=1), np.maximum(counted.cumsum(axis=1), 1)
    precision = right / number
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # the interpolated precision
    value = np.array([_at_levels(right[t] / total, best[t]) for t in range(len(hits))])
    # The interpolated precision at a detection is the precision at the next detection that has it.
    place = np.where(precision >= best, np.arange(precision.shape[1]), precision.shape[1])
    place = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
    gain = np.zeros_like(precision)  # of recall, at which this detection's precision is the interpolated one
    level = np.arange(len(hits))[:, None]
    np.add.at(gain, (np.broadcast_to(level, place.shape), place), hits / total)
    above = (gain / number)[:, ::-1].cumsum(axis=1)[:, ::-1]
    below = (gain * precision / number)[:, ::-1].cumsum(axis=1)[:, ::-1]
    of_detection = hits * (best / total + above) - counted * below
    influence = np.zeros((len(hits), len(objects)))
    np.add.at(influence, (level, photo[None, :]), of_detection)
    area = (hits * best).sum(axis=1) / total
    return value, influence - area[:, None] * objects / total


def _at_levels(recall: np.ndarray, best: np.ndarray) -> float:
    """Return the mean interpolated precision at `RECALL_LEVELS`; 0 at levels that are not reached."""
    reached = np.searchsorted(recall, RECALL_LEVELS, side="left")
    return float(np.append(best, 0.0)[np.minimum(reached, len(best))].mean())
