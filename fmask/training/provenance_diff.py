"""Comparison of a run's provenance (machine, packages, code, data, weights, settings) with the present one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.table import Table

from fmask import tracking
from fmask.config.recorded import current_settings
from fmask.config.schema import Config
from fmask.config.validate import validate
from fmask.data.dataset import Dataset
from fmask.training.initial_weights import INITIAL_WEIGHTS_ARTIFACT, InitialWeights, find_initial_weights
from fmask.training.teachers import TEACHERS_ARTIFACT, Teacher, find_teachers
from fmask.utils.errors import UserError

UNKNOWN = "not recorded"
MACHINE = ("python", "backend", "platform", "processor", "processor_features", "cpus")
"""Tags of a run that may change the last digits of its numbers, in addition to its packages."""
CODE = ("mlflow.source.git.commit", "git_dirty")
RESUMED_PACKAGES = "resumed/environment.txt"


@dataclass(frozen=True)
class ProvenanceItem:
    """One thing that a run's numbers depend on, such as the Python version."""

    name: str
    then: str
    """Value recorded with the run."""
    now: str
    """Present value."""

    @property
    def differs(self) -> bool:
        return self.then != self.now


def read_config(run: tracking.RunInfo) -> tuple[Config, dict[str, Any]]:
    """Read the configuration that a run was trained with.

    Returns:
        The configuration, and the settings as recorded, under today's keys.

    Raises:
        UserError: the run is not a training, or it has settings that this version of fmask does not know.
    """
    file = tracking.download(run, "config.yaml")
    recorded: Any = OmegaConf.to_container(OmegaConf.load(file)) if file else None
    if not recorded or "epochs" not in recorded:
        raise UserError(f"The MLflow run {run.id} ({run.name}) is not a training: no config.yaml with `epochs`.")
    try:
        recorded = current_settings(recorded)
        merged = OmegaConf.merge(OmegaConf.structured(Config), recorded)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"The run {run.id} was configured for another version of fmask: {reason}.") from error
    return validate(merged), recorded


def compare_provenance(
    run: tracking.RunInfo, config: Config, recorded: Mapping[str, Any], dataset: Dataset
) -> list[ProvenanceItem]:
    """Compare everything that a run's numbers depend on, as far as it was recorded, with the present values.

    Args:
        run: the run.
        config: its configuration; see `read_config`.
        recorded: its recorded settings; see `read_config`.
        dataset: the present data.

    Returns:
        Machine, packages, code, data, initial weights and settings, whether they differ or not.

    Raises:
        UserError: the store cannot be used, or the initial weights no longer exist.
    """
    here = tracking.machine_tags() | tracking.code_tags()
    rows = [ProvenanceItem(tag.replace("_", " "), run.tags.get(tag, UNKNOWN), here.get(tag, "none")) for tag in MACHINE]
    rows.append(_packages(run))
    rows.append(_commit(run.tags, here))
    rows += _resumed_with(run, here)
    rows += [ProvenanceItem(f"{split} data", label, _label(dataset, split)) for split, label in run.datasets.items()]
    if weights := find_initial_weights(config):
        rows.append(ProvenanceItem("initial weights", _initial_weights_of(run), str(weights)))
    if teachers := find_teachers(config, dataset):
        then = [str(Teacher(**each)) for each in tracking.read_json(run, TEACHERS_ARTIFACT) or []]
        rows.append(ProvenanceItem("teachers", "\n".join(then) or UNKNOWN, "\n".join(map(str, teachers))))
    rows.append(ProvenanceItem("seed", str(recorded.get("seed", UNKNOWN)), str(config.seed)))
    rows.append(_settings(config, recorded))
    return rows


def refuse_other_data(run: tracking.RunInfo, dataset: Dataset) -> None:
    """Check that a run to be resumed has the same data as at its start. The data may be in another folder.

    Raises:
        UserError: the photos or annotations of a split have changed.
    """
    for split, label in run.datasets.items():
        then, now = (each.rpartition("@")[2] for each in (label, _label(dataset, split)))
        if then != now:
            raise UserError(
                f"{dataset.root}: the {split} photos or their annotations differ from those that the run {run.id} was "
                f"started with (digest {now} instead of {then}); restore them, or start a new run."
            )


def as_table(rows: list[ProvenanceItem]) -> Table:
    """Return a table for the terminal, with differences in bold."""
    table = Table("", "then", "now", title="Provenance of the run, then and now", title_justify="left")
    for row in rows:
        table.add_row(row.name, row.then, row.now if row.differs else "same", style="bold" if row.differs else "dim")
    return table


def _label(dataset: Dataset, split: str) -> str:
    present = dataset.digests().get(split)
    return f"{dataset.name}@{present[:16]}" if present else "no such split"


def _initial_weights_of(run: tracking.RunInfo) -> str:
    recorded = tracking.read_json(run, INITIAL_WEIGHTS_ARTIFACT) or {}
    names = [field.name for field in fields(InitialWeights)]
    return str(InitialWeights(*(recorded[name] for name in names))) if recorded.keys() >= set(names) else UNKNOWN


def _resumed_with(run: tracking.RunInfo, here: Mapping[str, str]) -> list[ProvenanceItem]:
    """Compare what the run was last resumed with to the present, where it differs from what the run started with."""
    then = run.tags | {tag: run.tags[f"resumed.{tag}"] for tag in (*MACHINE, *CODE) if f"resumed.{tag}" in run.tags}
    rows = [
        ProvenanceItem(f"{tag.replace('_', ' ')}, resumed", then[tag], here.get(tag, "none"))
        for tag in MACHINE
        if then.get(tag) != run.tags.get(tag)
    ]
    if any(then.get(tag) != run.tags.get(tag) for tag in CODE):
        rows.append(replace(_commit(then, here), name="commit, resumed"))
    first, resumed = (tracking.download(run, path) for path in ("environment.txt", RESUMED_PACKAGES))
    if first and resumed and first.read_bytes() != resumed.read_bytes():
        rows.append(replace(_packages(run, RESUMED_PACKAGES), name="packages, resumed"))
    return rows


def _packages(run: tracking.RunInfo, path: str = "environment.txt") -> ProvenanceItem:
    file = tracking.download(run, path)
    if file is None:
        return ProvenanceItem("packages", UNKNOWN, "")
    then, now = (_by_name(text) for text in (file.read_text(encoding="utf-8"), tracking.installed_packages()))
    if then == now:
        return ProvenanceItem("packages", f"{len(then)} packages", f"{len(now)} packages")
    changed = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    return ProvenanceItem("packages", *(_listed(changed, each) for each in (then, now)))


def _by_name(text: str) -> dict[str, str]:
    return {name.lower(): version for name, _, version in (line.partition("==") for line in text.splitlines())}


def _listed(names: list[str], versions: Mapping[str, str]) -> str:
    return "\n".join(f"{name} {versions.get(name, 'none')}" for name in names)


def _commit(then: Mapping[str, str], now: Mapping[str, str]) -> ProvenanceItem:
    commits = [tags.get("mlflow.source.git.commit", UNKNOWN)[:12] for tags in (then, now)]
    changes = [tags.get("git_dirty") == "true" for tags in (then, now)]
    if all(changes) and commits[0] == commits[1]:
        return ProvenanceItem("commit", f"{commits[0]} with changes", "with changes, perhaps other ones")
    described = (
        f"{commit} with changes" if changed else commit for commit, changed in zip(commits, changes, strict=True)
    )
    return ProvenanceItem("commit", *described)


def _settings(config: Config, recorded: Mapping[str, Any]) -> ProvenanceItem:
    """Compare the settings. Settings added to fmask since then have their default, which may change results."""
    then, now = (tracking.flatten(each) for each in (recorded, asdict(config)))
    changed = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    if not changed:
        return ProvenanceItem("settings", f"{len(then)} settings", f"{len(now)} settings")
    return ProvenanceItem("settings", *(_listed(changed, each) for each in (then, now)))
