"""Comparisons of the rows of a table with the baseline: verdicts that are corrected for their number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from fmask.studies.statistics import Difference, holm

SIGNIFICANCE_LEVEL = 0.05
"""Differences with a smaller adjusted p-value are called better or worse, others undecided."""
ONE_SEED = "one seed"
EQUIVALENT = "equivalent"


@dataclass(frozen=True)
class Comparison:
    """The comparison of a row with the baseline, on the same photos."""

    difference: float
    """This row's score minus the baseline's."""
    low: float
    """Lower end of its 95 % interval, not corrected for the number of rows; NaN if a row has one seed and no folds."""
    high: float
    """Upper end of its 95 % interval."""
    p: float
    """P-value of the two-sided test for other photos and seeds (`Difference.p`); NaN if a row has a single seed."""
    adjusted_p: float
    """The p-value, adjusted by Holm's method for the plan's family, or else for all tested rows; see `compare`."""
    equivalence_p: float
    """P-value, adjusted likewise, that the difference is at least the margin of equivalence; NaN without a margin."""
    detectable: float
    """Smallest true difference that the corrected test would find in 80 % of such studies."""
    level: float = SIGNIFICANCE_LEVEL
    """Level of the verdict, the alpha of the study's plan."""
    planned: bool | None = None
    """Whether the study's plan names this comparison; None if the study has no plan."""

    @property
    def verdict(self) -> str:
        """The result of the tests: better, worse, equivalent or undecided.

        It is "one seed" if this row or the baseline has only one, and there are no folds.
        """
        if isnan(self.p):
            return ONE_SEED
        if self.adjusted_p < self.level:
            return "better" if self.difference > 0 else "worse"
        return EQUIVALENT if self.equivalence_p < self.level else "undecided"


@dataclass(frozen=True)
class Family:
    """The comparisons that a study's plan names."""

    size: int
    """Their number, those included whose runs are missing."""
    rows: frozenset[int] = frozenset()
    """The rows of the table that are compared as planned."""
    level: float = SIGNIFICANCE_LEVEL
    """The plan's alpha."""


def compare(
    differences: Mapping[int, Difference], margin: float | None, family: Family | None = None
) -> dict[int, Comparison]:
    """Compare rows with the baseline, corrected for the number of comparisons.

    Planned comparisons are corrected for the plan's family; others for all rows that can be tested, because they were
    chosen when all of them were known. A row is either different or not, so the two families of tests, of difference
    and of equivalence, have at most one true null hypothesis for each row, and each family is corrected for itself.

    Args:
        differences: the difference of each row from the baseline, by the row's number.
        margin: settings that differ by less are equivalent; None: not tested.
        family: the planned comparisons; None if the study has no plan.
    """
    tested = {number: each for number, each in differences.items() if not isnan(float(each.p()))}
    planned = {number: each for number, each in tested.items() if family and number in family.rows}
    alpha = family.level if family else SIGNIFICANCE_LEVEL
    sizes = dict.fromkeys(tested, len(tested)) | dict.fromkeys(planned, family.size if family else 0)

    def adjusted(p: Callable[[Difference], np.ndarray]) -> dict[int, float]:
        values = {number: float(p(each)) for number, each in tested.items()}
        of_plan = {number: values[number] for number in planned}
        return _adjust(values, len(values)) | _adjust(of_plan, family.size if family else 0)

    by_difference = adjusted(lambda each: each.p())
    within = {} if margin is None else adjusted(lambda each: each.equivalence_p(margin))
    comparisons = {}
    for number, each in differences.items():
        low, high = each.interval()
        comparisons[number] = Comparison(
            difference=float(each.value),
            low=float(low),
            high=float(high),
            p=float(each.p()),
            adjusted_p=by_difference.get(number, nan),
            equivalence_p=within.get(number, nan),
            detectable=float(each.detectable(alpha / sizes[number])) if number in tested else nan,
            level=alpha,
            planned=None if family is None else number in family.rows,
        )
    return comparisons


def _adjust(p_values: Mapping[int, float], size: int) -> dict[int, float]:
    """Return p-values adjusted for `size` comparisons; those that are not among `p_values` count as p = 1."""
    values = list(p_values.values())
    return dict(zip(p_values, holm([*values, *[1.0] * (size - len(values))]), strict=False))
