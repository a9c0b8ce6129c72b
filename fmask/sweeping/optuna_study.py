"""Optuna's part: where studies are kept, and a study opened with the sampler and the pruner that settings name."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import DBAPIError

from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets

PATIENCE = 60.0
"""Seconds that a process waits for the one that created a study to finish doing so."""


def open_storage(storage: str, folder: Path) -> BaseStorage:
    """The storage at a database URL, or in a journal file whose path starts from `folder`; created where missing.

    Raises:
        UserError: it cannot be used.
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
                f"({type(error).__name__}: {str(error).splitlines()[0]}): needed is a path or a database URL."
            )
        ) from error


def _open_database(url: str) -> BaseStorage:
    # Processes that write to an SQLite file wait for each other, by default not long.
    arguments = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    for _ in range(4):
        # Of processes that start together on a new database, one makes the tables and the others fail, that once.
        with suppress(DBAPIError):
            return RDBStorage(url, engine_kwargs=arguments)
        time.sleep(0.5)
    return RDBStorage(url, engine_kwargs=arguments)


def open_study(settings: Mapping[str, Any], folder: Path, asks: Mapping[str, Any]) -> tuple[Study, bool]:
    """The study that `settings` (a `SearchConf`) name, and whether it was created here.

    Args:
        folder: what the path of a journal starts from.
        asks: what makes trials comparable; a study that was begun with something else is refused.

    Raises:
        UserError: settings do not fit Optuna, or the study is another one's.
    """
    name = settings["study"]
    directions: list[Any] = ["maximize"] * len(settings["maximize"]) + ["minimize"] * len(settings["minimize"])
    if not directions:
        raise UserError("hydra.sweeper.maximize and hydra.sweeper.minimize are both empty: one must name a metric.")
    pruner = named(optuna.pruners, "pruner", settings["pruner"])
    sampler = named(optuna.samplers, "sampler", settings["sampler"])
    storage = open_storage(settings["storage"], folder)
    try:
        study = optuna.create_study(
            storage=storage, study_name=name, directions=directions, sampler=sampler, pruner=pruner
        )
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
        asked = wait_for(study, "asks")
        if asked is None and not study.trials and [each.name.lower() for each in study.directions] == directions:
            study.set_user_attr("asks", dict(asks))  # whoever began it died before saying so
            return study, True
        _check_same(study, asked, asks, without_secrets(settings["storage"]))
        if isinstance(settings["sampler"].get("seed"), int):
            # Begun anew with the same seed, it would propose the first trials again.
            seed = settings["sampler"]["seed"] + len(study.get_trials(deepcopy=False))
            study.sampler = named(optuna.samplers, "sampler", {**settings["sampler"], "seed": seed})
        return study, False
    study.set_user_attr("asks", dict(asks))
    return study, True


def _check_same(study: Study, asked: Mapping[str, Any] | None, asks: Mapping[str, Any], storage: str) -> None:
    if asked is None:
        raise UserError(f"The study {study.study_name!r} in {storage} is another program's: choose another study=NAME.")
    for key in asks:
        if asked.get(key) != asks[key]:
            raise UserError(
                f"The study {study.study_name!r} in {storage} was begun with {key} = {asked.get(key)}, which is "
                f"{asks[key]} now: choose another study=NAME."
            )


def wait_for(study: Study, attribute: str) -> Any:
    """A user attribute that the process which created the study sets at once, or None if that process died."""
    end = time.monotonic() + PATIENCE
    if attribute not in study.user_attrs:
        print(f"waiting up to {PATIENCE:.0f} s for the process that began the study {study.study_name!r}", flush=True)
    while attribute not in study.user_attrs and time.monotonic() < end:
        time.sleep(0.2)
    return study.user_attrs.get(attribute)


def counted(study: Study) -> list[FrozenTrial]:
    """Trials but for those that another one took the place of."""
    return [trial for trial in study.get_trials(deepcopy=False) if "dropped" not in trial.user_attrs]


def ask(study: Study, limit: int) -> Trial | None:
    """The next trial, or None if the study has as many as it is to have, `limit`."""
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if len(counted(study)) >= limit and not waiting:
        return None
    trial = study.ask()
    # Another process may have asked at the same moment: who comes in below the limit stays.
    if sum(each.number < trial.number for each in counted(study)) >= limit:
        drop(study, trial, "one too many")
        return None
    return trial


def drop(study: Study, trial: Trial | FrozenTrial, why: str) -> bool:
    """Ends a trial that is not to count, Optuna knowing no deletion; False if it has ended meanwhile."""
    try:
        study._storage.set_trial_user_attr(trial._trial_id, "dropped", why)
        return study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return False


def named(module: Any, kind: str, settings: Mapping[str, Any]) -> Any:
    """One of Optuna's samplers or pruners, by its name and with its arguments.

    Raises:
        UserError: there is none, or it does not take these arguments.
    """
    arguments = dict(settings)
    name = arguments.pop("name", None)
    known = [each for each in module.__all__ if each.endswith(kind.title()) and not each.startswith("Base")]
    if name not in known:
        raise UserError(f"hydra.sweeper.{kind}.name={name}: Optuna has {', '.join(known)}.")
    try:
        return getattr(module, name)(**arguments)
    except (TypeError, ValueError, ImportError) as error:
        raise UserError(f"hydra.sweeper.{kind}={dict(settings)}: {str(error).splitlines()[0]}") from error
