"""Comparisons of the rows of a table with the baseline: verdicts that are corrected for their number."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan

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
    """Lower end of its 95 % interval, not corrected for the number of rows; NaN if a row has a single seed."""
    high: float
    """Upper end of its 95 % interval."""
    p: float
    """P-value of the two-sided test for other photos and seeds (`Difference.p`); NaN if a row has a single seed."""
    adjusted_p: float
    """The p-value, adjusted by Holm's method for the number of tested rows."""
    equivalence_p: float
    """P-value, adjusted likewise, that the difference is at least the margin of equivalence; NaN without a margin."""
    detectable: float
    """Smallest true difference that a test corrected for all tested rows would find in 80 % of such studies."""

    @property
    def verdict(self) -> str:
        """The result of the tests: better, worse, equivalent or undecided.

        It is "one seed" if this row or the baseline has only one, and there are no folds.
        """
        if isnan(self.p):
            return ONE_SEED
        if self.adjusted_p < SIGNIFICANCE_LEVEL:
            return "better" if self.difference > 0 else "worse"
        return EQUIVALENT if self.equivalence_p < SIGNIFICANCE_LEVEL else "undecided"


def compare(differences: Mapping[int, Difference], margin: float | None) -> dict[int, Comparison]:
    """Compare rows with the baseline, corrected for the number of rows that can be tested.

    A row is either different or not, so the two families of tests, of difference and of equivalence, have at most one
    true hypothesis for each row, and each family is corrected for itself.

    Args:
        differences: the difference of each row from the baseline, by the row's number.
        margin: settings that differ by less are equivalent; None: not tested.
    """
    tested = {number: each for number, each in differences.items() if not isnan(float(each.p()))}
    adjusted = _adjust({number: float(each.p()) for number, each in tested.items()})
    within = {} if margin is None else _adjust({n: float(each.equivalence_p(margin)) for n, each in tested.items()})
    level = SIGNIFICANCE_LEVEL / max(len(tested), 1)
    comparisons = {}
    for number, each in differences.items():
        low, high = each.interval()
        comparisons[number] = Comparison(
            difference=float(each.value),
            low=float(low),
            high=float(high),
            p=float(each.p()),
            adjusted_p=adjusted.get(number, nan),
            equivalence_p=within.get(number, nan),
            detectable=float(each.detectable(level)) if number in tested else nan,
        )
    return comparisons


def _adjust(p_values: Mapping[int, float]) -> dict[int, float]:
    return dict(zip(p_values, holm(list(p_values.values())), strict=True))
