"""A seeded sampler for processes that share an Optuna study."""

from collections.abc import Callable
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


class SeededSampler(BaseSampler):
    """A sampler whose seed is the configured one plus the number of the first trial that its process asks for.

    With equal seeds, processes that join one study would propose the same trials. Optuna numbers trials atomically and
    only one process is given each of them, so the seeds differ, however close together the processes start. The process
    that runs trial 0 uses the configured seed itself.
    """

    def __init__(self, build: Callable[[int], BaseSampler]) -> None:
        """Build the sampler with the configured seed, which also checks its settings.

        Args:
            build: builds the sampler with a number added to its seed.
        """
        self._build = build
        self._sampler = build(0)
        self._is_seeded = False

    def __str__(self) -> str:
        return str(self._sampler)

    def reseed_rng(self) -> None:
        self._sampler.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the seed at the first trial, before Optuna asks for any value."""
        if not self._is_seeded:
            self._is_seeded = True
            if trial.number:
                self._sampler = self._build(trial.number)
        self._sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        self._sampler.after_trial(study, trial, state, values)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)
