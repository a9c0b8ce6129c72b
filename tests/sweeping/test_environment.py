"""Environment variables of jobs on other machines."""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from fmask import tracking
from fmask.sweeping.environment import jobs_environment
from fmask.sweeping.job import Job

ADDRESS = "https://me:hunter2@host"


def stores(config: DictConfig) -> Mapping[str, float]:
    assert os.environ["MLFLOW_TRACKING_URI"] == config.expected
    return {"value": 1}


def on(launcher: Mapping[str, object]) -> DictConfig:
    return OmegaConf.create({"hydra": {"launcher": launcher, "sweeper": {"storage": "${oc.env:STUDIES}"}}})


def test_jobs_on_ray_have_the_stores_of_the_sweep(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIES", "postgresql://host/studies")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hunter2")
    ray = {"ray": {"init": {"address": "auto"}}}
    passed = jobs_environment(on(ray))
    assert passed["MLFLOW_TRACKING_URI"] == f"sqlite:///{store}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ADDRESS)
    passed = jobs_environment(on(ray))
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN", "STUDIES", "KERAS_BACKEND")
    assert {name: passed[name] for name in names} == {name: os.environ[name] for name in names}
    assert not {"PATH", "HOME", "FMASK_PHOTOS"} & passed.keys()
    assert jobs_environment(on({"jobs": 2})) == {}


def test_a_job_has_its_environment_during_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    job = pickle.loads(pickle.dumps(Job(stores, {"MLFLOW_TRACKING_URI": ADDRESS})))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert job(OmegaConf.create({"expected": ADDRESS})).status == "finished"
    assert tracking.tracking_uri() != ADDRESS
