"""Optuna studies: opening their storage, creating or resuming them, and asking them for trials."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import DBAPIError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from fmask.sweeping.seeded_sampler import SeededSampler
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets

CREATION_TIMEOUT = 60.0
"""Seconds to wait until the process that has created an Optuna study has stored its attributes."""

MAX_SEED = 2**32
"""Seeds of NumPy are smaller than this."""


def open_storage(storage: str, folder: Path) -> BaseStorage:
    """Open an Optuna storage, and create it if it does not exist.

    Args:
        storage: a database URL, or the path of a journal file.
        folder: folder that a relative path starts from.

    Raises:
        UserError: the storage cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        if "://" in storage:
            return _open_database(storage)
        return JournalStorage(JournalFileBackend(str(folder / storage)))
    except Exception as error:
        raise UserError(
            without_secrets(
                f"hydra.sweeper.storage={storage} cannot be used "
                f"({type(error).__name__}: {str(error).splitlines()[0]}); it must be a path or a database URL."
            )
        ) from error


# If several processes open a new database at the same time, one of them creates the tables and the others fail once.
@retry(retry=retry_if_exception_type(DBAPIError), wait=wait_fixed(0.5), stop=stop_after_attempt(5), reraise=True)
def _open_database(url: str) -> BaseStorage:
    # Processes that write to the same SQLite file wait for each other; the default timeout is too short for that.
    arguments = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    return RDBStorage(url, engine_kwargs=arguments)


def open_optuna_study(settings: Mapping[str, Any], folder: Path, definition: Mapping[str, Any]) -> tuple[Study, bool]:
    """Create the Optuna study of a search, or load it if it exists.

    Args:
        settings: a `SearchConf`.
        folder: folder that the relative path of a journal file starts from.
        definition: objectives, space and fixed overrides of the search. A new Optuna study stores them as its user
            attribute `asks`; those of an existing one must be equal, or its trials would not be comparable.

    Returns:
        The Optuna study, and whether this call created it.

    Raises:
        UserError: Optuna does not accept the settings, or the existing study belongs to a different search.
    """
    name = settings["study"]
    directions: list[Any] = ["maximize"] * len(settings["maximize"]) + ["minimize"] * len(settings["minimize"])
    if not directions:
        raise UserError(
            "hydra.sweeper.maximize and hydra.sweeper.minimize are both empty; one of them must name a metric."
        )
    pruner = build_component(optuna.pruners, "pruner", settings["pruner"])
    sampler = build_sampler(settings["sampler"])
    storage = open_storage(settings["storage"], folder)
    try:
        optuna_study = optuna.create_study(
            storage=storage, study_name=name, directions=directions, sampler=sampler, pruner=pruner
        )
    except DuplicatedStudyError:
        optuna_study = optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
        stored = wait_for_attribute(optuna_study, "asks")
        same_directions = [each.name.lower() for each in optuna_study.directions] == directions
        if stored is None and not optuna_study.trials and same_directions:
            optuna_study.set_user_attr("asks", dict(definition))  # its creator died before it could store them
            return optuna_study, True
        _check_same(optuna_study, stored, definition, without_secrets(settings["storage"]))
        return optuna_study, False
    optuna_study.set_user_attr("asks", dict(definition))
    return optuna_study, True


def _check_same(
    optuna_study: Study, stored: Mapping[str, Any] | None, definition: Mapping[str, Any], storage: str
) -> None:
    name = f"The Optuna study {optuna_study.study_name!r} in {storage}"
    if stored is None:
        raise UserError(f"{name} was not created by fmask; choose another one with study=NAME.")
    for key in definition:
        if stored.get(key) != definition[key]:
            raise UserError(
                f"{name} was created with {key} = {stored.get(key)}, not {definition[key]}; choose another one with "
                "study=NAME."
            )


def wait_for_attribute(optuna_study: Study, attribute: str) -> Any:
    """Return a user attribute that the creator of the study sets soon; None if it is still missing after a minute."""
    end = time.monotonic() + CREATION_TIMEOUT
    if attribute not in optuna_study.user_attrs:
        name = optuna_study.study_name
        print(f"waiting up to {CREATION_TIMEOUT:.0f} s for the process that created the search {name!r}", flush=True)
    while attribute not in optuna_study.user_attrs and time.monotonic() < end:
        time.sleep(0.2)
    return optuna_study.user_attrs.get(attribute)


def counted_trials(optuna_study: Study) -> list[FrozenTrial]:
    """Return all trials, in any state, except those that were dropped."""
    return [trial for trial in optuna_study.get_trials(deepcopy=False) if "dropped" not in trial.user_attrs]


def ask_trial(optuna_study: Study, limit: int) -> Trial | None:
    """Return a new trial to run, or None if the study already has `limit` trials."""
    enqueued = optuna_study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if len(counted_trials(optuna_study)) >= limit and not enqueued:
        return None
    trial = optuna_study.ask()
    # Other processes may have asked at the same moment: the trials with the lowest numbers stay.
    if sum(each.number < trial.number for each in counted_trials(optuna_study)) >= limit:
        drop_trial(optuna_study, trial, "exceeds the number of trials")
        return None
    return trial


def drop_trial(optuna_study: Study, trial: Trial | FrozenTrial, why: str) -> bool:
    """End a trial so that it does not count any more, as Optuna cannot delete one; False if it had already ended."""
    try:
        optuna_study._storage.set_trial_user_attr(trial._trial_id, "dropped", why)
        return optuna_study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return False


def build_sampler(settings: Mapping[str, Any]) -> BaseSampler:
    """Build the sampler of one of the processes that may share an Optuna study; see `SeededSampler`.

    Args:
        settings: the name of the class, as `name`, and its arguments, perhaps with a `seed`.

    Raises:
        UserError: there is no such class, or it does not accept the arguments.
    """

    seed = settings.get("seed")
    if not isinstance(seed, int):
        return build_component(optuna.samplers, "sampler", settings)

    def build(offset: int) -> BaseSampler:
        shifted = (seed + offset) % MAX_SEED if offset else seed
        return build_component(optuna.samplers, "sampler", {**settings, "seed": shifted})

    return SeededSampler(build)


def build_component(module: Any, kind: str, settings: Mapping[str, Any]) -> Any:
    """Build one of Optuna's samplers or pruners.

    Args:
        module: `optuna.samplers` or `optuna.pruners`.
        kind: "sampler" or "pruner".
        settings: the name of the class, as `name`, and its arguments.

    Raises:
        UserError: there is no such class, or it does not accept the arguments.
    """
    arguments = dict(settings)
    name = arguments.pop("name", None)
    known = [each for each in module.__all__ if each.endswith(kind.title()) and not each.startswith("Base")]
    if name not in known:
        raise UserError(f"hydra.sweeper.{kind}.name must be one of {', '.join(known)}, not {name}.")
    try:
        return getattr(module, name)(**arguments)
    except (TypeError, ValueError, ImportError) as error:
        raise UserError(f"hydra.sweeper.{kind}={dict(settings)}: {str(error).splitlines()[0]}") from error
