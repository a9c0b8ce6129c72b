"""What a run was made from, against what there is here and now."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.table import Table

from fmask import tracking
from fmask.config.schema import Config
from fmask.config.validate import validate
from fmask.data.dataset import Dataset, digest
from fmask.training.initial_weights import START, Start, find_start
from fmask.utils.errors import UserError
from fmask.utils.renamed_settings import rename_settings

UNKNOWN = "not recorded"
MACHINE = ("python", "backend", "platform", "processor", "processor_features", "cpus")
"""Tags of a run that may decide a last digit, beside its packages."""
CODE = ("mlflow.source.git.commit", "git_dirty")
RESUMED_PACKAGES = "resumed/environment.txt"


@dataclass(frozen=True)
class Circumstance:
    """Something that a run's numbers depend on."""

    what: str
    then: str
    now: str

    @property
    def differs(self) -> bool:
        return self.then != self.now


def read_config(run: tracking.RunInfo) -> tuple[Config, dict[str, Any]]:
    """The configuration that a run was trained with, by this version of the program; and as it was written then.

    Raises:
        UserError: the run trained nothing, or was configured by another version in a way that this one does not know.
    """
    file = tracking.download(run, "config.yaml")
    written: Any = OmegaConf.to_container(OmegaConf.load(file)) if file else None
    if not written or "epochs" not in written:
        raise UserError(f"The MLflow run {run.id} ({run.name}) has no config.yaml of a training.")
    try:
        written = rename_settings(written)
        merged = OmegaConf.merge(OmegaConf.structured(Config), written)
    except OmegaConfBaseException as error:
        told = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"The run {run.id} was configured for another version of this program: {told}.") from error
    return validate(merged), written


def compare(run: tracking.RunInfo, config: Config, written: Mapping[str, Any], dataset: Dataset) -> list[Circumstance]:
    """Everything that a run's numbers depend on, as far as it was recorded: machine, packages, code, data, weights that
    training started from, settings.

    Raises:
        UserError: the store cannot be used, or the weights are not there any more.
    """
    here = tracking.machine_tags() | tracking.code_tags()
    rows = [Circumstance(tag.replace("_", " "), run.tags.get(tag, UNKNOWN), here.get(tag, "none")) for tag in MACHINE]
    rows.append(_packages(run))
    rows.append(_commit(run.tags, here))
    rows += _when_resumed(run, here)
    rows += [Circumstance(f"{split} data", label, _label(dataset, split)) for split, label in run.datasets.items()]
    if start := find_start(config):
        rows.append(Circumstance("weights to start from", _start_of(run), str(start)))
    rows.append(Circumstance("seed", str(written.get("seed", UNKNOWN)), str(config.seed)))
    rows.append(_settings(config, written))
    return rows


def refuse_other_data(run: tracking.RunInfo, dataset: Dataset) -> None:
    """Checks that a run which is to go on does so with the data that it began with, wherever that is now.

    Raises:
        UserError: a split is another one.
    """
    for split, label in run.datasets.items():
        then, now = (each.rpartition("@")[2] for each in (label, _label(dataset, split)))
        if then != now:
            raise UserError(
                f"{dataset.root}: the {split} photos or their annotations are not those that the run {run.id} began "
                f"with (digest {now}, and {then} then); it goes on with them only, and other ones take a new run."
            )


def as_table(rows: list[Circumstance]) -> Table:
    """For the terminal; what differs stands out."""
    table = Table("", "then", "now", title="What the run was made from, and what there is now", title_justify="left")
    for row in rows:
        table.add_row(row.what, row.then, row.now if row.differs else "same", style="bold" if row.differs else "dim")
    return table


def _label(dataset: Dataset, split: str) -> str:
    known = dataset.splits.get(split)
    return f"{dataset.name}@{digest(known)[:16]}" if known else "no such split"


def _start_of(run: tracking.RunInfo) -> str:
    kept = tracking.read_json(run, START) or {}
    known = [field.name for field in fields(Start)]
    return str(Start(*(kept[name] for name in known))) if kept.keys() >= set(known) else UNKNOWN


def _when_resumed(run: tracking.RunInfo, here: Mapping[str, str]) -> list[Circumstance]:
    """What was otherwise than at first when the run was gone on with, the last time."""
    then = run.tags | {tag: run.tags[f"resumed.{tag}"] for tag in (*MACHINE, *CODE) if f"resumed.{tag}" in run.tags}
    rows = [
        Circumstance(f"{tag.replace('_', ' ')}, resumed", then[tag], here.get(tag, "none"))
        for tag in MACHINE
        if then.get(tag) != run.tags.get(tag)
    ]
    if any(then.get(tag) != run.tags.get(tag) for tag in CODE):
        rows.append(replace(_commit(then, here), what="commit, resumed"))
    first, resumed = (tracking.download(run, path) for path in ("environment.txt", RESUMED_PACKAGES))
    if first and resumed and first.read_bytes() != resumed.read_bytes():
        rows.append(replace(_packages(run, RESUMED_PACKAGES), what="packages, resumed"))
    return rows


def _packages(run: tracking.RunInfo, path: str = "environment.txt") -> Circumstance:
    file = tracking.download(run, path)
    if file is None:
        return Circumstance("packages", UNKNOWN, "")
    then, now = (_by_name(text) for text in (file.read_text(encoding="utf-8"), tracking.installed_packages()))
    if then == now:
        return Circumstance("packages", f"{len(then)} packages", f"{len(now)} packages")
    changed = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    return Circumstance("packages", *(_listed(changed, each) for each in (then, now)))


def _by_name(text: str) -> dict[str, str]:
    return {name.lower(): version for name, _, version in (line.partition("==") for line in text.splitlines())}


def _listed(names: list[str], versions: Mapping[str, str]) -> str:
    return "\n".join(f"{name} {versions.get(name, 'none')}" for name in names)


def _commit(then: Mapping[str, str], now: Mapping[str, str]) -> Circumstance:
    commits = [tags.get("mlflow.source.git.commit", UNKNOWN)[:12] for tags in (then, now)]
    changes = [tags.get("git_dirty") == "true" for tags in (then, now)]
    if all(changes) and commits[0] == commits[1]:
        return Circumstance("commit", f"{commits[0]} with changes", "with changes, which may be others")
    told = (f"{commit} with changes" if changed else commit for commit, changed in zip(commits, changes, strict=True))
    return Circumstance("commit", *told)


def _settings(config: Config, written: Mapping[str, Any]) -> Circumstance:
    """Those that came to the program since are at their defaults, and may be another way to do what it did then."""
    then, now = (tracking.flatten(each) for each in (written, asdict(config)))
    changed = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    if not changed:
        return Circumstance("settings", f"{len(then)} settings", f"{len(now)} settings")
    return Circumstance("settings", *(_listed(changed, each) for each in (then, now)))
