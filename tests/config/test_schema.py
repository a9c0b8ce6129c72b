"""Configurations composed from presets, and errors that are reported before any work."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from fmask.config.compose import register
from fmask.config.overrides import check_overrides
from fmask.config.schema import Part
from fmask.config.validate import validate
from fmask.model.config import ModelConfig
from fmask.model.weights.metadata import NetworkMetadata
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.composing import CONF, composed

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    register()


def test_the_command_of_the_readme_composes() -> None:
    config = composed("aug=fliplr_clahe", "steps=50", "seed=3")
    assert config.aug.name == "fliplr_clahe"
    assert [next(iter(one)) for one in config.aug.augmenters] == ["Fliplr", "CLAHE"]
    assert (config.steps, config.seed) == (50, 3)


def test_installed_photos_are_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert composed().data.name == "rendered"
    monkeypatch.setenv("FMASK_PHOTOS", str(tmp_path))
    assert composed().data.name == "photos"
    assert composed("data=rendered").data.name == "rendered"


def test_report_recipe_is_the_study() -> None:
    config = composed("recipe=report", "weights=none", "data=photos")
    assert config.backbone.name == "resnet50"
    assert (config.epochs, config.batch_size, config.lr, config.crop_size, config.image_size) == (
        30,
        1,
        0.001,
        128,
        128,
    )
    assert (config.optim.name, config.optim.clip, config.min_confidence) == ("sgd", 5.0, 0.9)
    assert (config.norm, config.regions.count, config.proposals.detect, config.widths.box) == ("frozen", 32, 200, 1024)
    assert list(config.anchors.scales) == [32, 64, 128, 256, 512]
    assert config.jitter.scale == config.jitter.flip == config.jitter.colour == config.jitter.rotate == 0


@pytest.mark.parametrize("aug", sorted(file.stem for file in (CONF / "aug").glob("*.yaml")))
@pytest.mark.parametrize("recipe", ["report", "scratch", "transfer"])
def test_every_choice_composes(recipe: str, aug: str) -> None:
    config = composed(f"recipe={recipe}", f"aug={aug}", "weights=none")
    assert (config.recipe.name, config.aug.name) == (recipe, aug)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stpes=50", "did you mean steps"),
        ("aug=sharpe", "aug must be one of blur, fliplr_clahe, fliplr_rotate, none, sharpen"),
        ("backbone=vgg", "backbone must be one of efficientnet_lite0, mobilenet_v2, resnet101, resnet18, resnet50"),
        ("steps=many", "steps=many: steps must be a whole number"),
        ("steps=0", "steps must be between 1 and"),
        ("crop_size=100", "multiple of 32, such as 96"),
        ("min_confidence=1.5", "min_confidence must be between 0 and 1, not 1.5"),
        ("layers=5", "layers must be all or 3+ or 4+ or 5+ or heads, not 5"),
        ("weights=nowhere.h5", "weights=nowhere.h5: there is no such file"),
        ("schedule.parts.two.steps=0", "schedule.parts.two.steps must be between 1 and"),
        ("optim.name=lion", "optim.name must be sgd or adamw"),
        ("optim.momentum=0.9", "optim.momentum"),
        ("anchors.scales=[8,16]", "anchors.scales must be five positive sides"),
        ("regions.pooling=max", "regions.pooling must be crop or align, not max"),
        ("regions.positive=0.01", "regions.positive=0.01 of regions.count="),
        ("proposals.train=3", "proposals.train must be at least regions.count"),
        ("aug.augmenters=[{Sharpenn: {}}]", "imgaug has no augmenter called 'Sharpenn'"),
        ("lr=[1", "is not a valid override"),
    ],
)
def test_wrong_overrides_are_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        check_overrides(CONF, "train", ["schedule=two_part", override])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_parts_override_settings_of_the_run() -> None:
    own = ["aug@schedule.parts.two.aug=sharpen", "schedule.parts.two.steps=7", "schedule.parts.two.layers=heads"]
    parts = composed("schedule=two_part", "aug=blur", "lr=0.01", *own).parts()
    assert list(parts) == ["one", "two"]
    assert [(part.aug.name, part.steps, part.layers, part.lr) for part in parts.values()] == [
        ("blur", 50, "all", 0.01),
        ("sharpen", 7, "heads", 0.01),
    ]


@pytest.mark.parametrize("name", ["50 %", "warm/up", "..", "", " x"])
def test_names_of_parts_are_possible_in_mlflow(name: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", ["schedule=two_part"])
    OmegaConf.set_struct(config, False)
    for possible in ("warm up", "2-fine_tuning", "Köpfe"):
        config.schedule.parts[possible] = Part()
    assert list(validate(config).parts())[2:] == ["warm up", "2-fine_tuning", "Köpfe"]
    config.schedule.parts[name] = Part()
    with pytest.raises(UserError, match=f"schedule.parts: {re.escape(repr(name))} may contain only letters"):
        validate(config)


def test_stages_and_a_schedule_without_parts() -> None:
    staged = composed("schedule=staged").parts()
    assert [(name, part.layers) for name, part in staged.items()] == [
        ("heads", "heads"),
        ("upper", "4+"),
        ("all", "all"),
    ]
    assert list(composed("aug=blur").parts()) == ["one_part"]
    assert composed("aug=blur").parts()["one_part"].aug.name == "blur"


def test_the_transfer_recipe_starts_from_installed_weights() -> None:
    config = composed("recipe=transfer", "data=rendered")
    assert (config.recipe.name, config.backbone.name, config.weights) == ("transfer", "efficientnet_lite0", "imagenet")
    assert config.regions == composed("recipe=scratch", "data=rendered").regions


def test_the_coco_weights_make_the_report_recipe_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert composed().recipe.name == "transfer"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mask_rcnn_coco.h5").touch()
    config = composed()
    assert (config.recipe.name, config.weights, config.backbone.name) == ("report", "coco", "resnet50")


@pytest.mark.parametrize("row", ["1", "2", "3", "4", "5", "6", "7", "8a", "8b", "9a", "9b"])
def test_a_published_row_is_the_report_recipe_on_every_machine(
    row: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # without COCO weights
    with pytest.raises(UserError, match=r"`fmask install coco`, or start from ImageNet weights with recipe=transfer\."):
        composed(f"experiment=report/{row}")
    assert composed(f"experiment=report/{row}", "recipe=transfer").recipe.name == "transfer"
    config = composed(f"experiment=report/{row}", "weights=none")
    assert (config.recipe.name, config.backbone.name, config.epochs) == ("report", "resnet50", 30)


def test_the_smoke_test_is_the_same_run_with_and_without_coco_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    without = composed("experiment=smoke")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mask_rcnn_coco.h5").touch()
    assert composed("experiment=smoke") == without


def test_drawn_photos_change_the_epochs_but_not_those_of_the_study() -> None:
    epochs = {
        (recipe, data): composed(f"recipe={recipe}", f"data={data}", "weights=none").epochs
        for recipe in ("report", "scratch", "transfer")
        for data in ("photos", "rendered")
    }
    assert epochs == {("report", "photos"): 30, ("report", "rendered"): 30, ("scratch", "photos"): 36,
                      ("scratch", "rendered"): 16, ("transfer", "photos"): 24, ("transfer", "rendered"): 8}  # fmt: skip
    assert composed("recipe=scratch", "data=rendered", "epochs=5").epochs == 5


def test_valid_overrides_and_sweeps_pass() -> None:
    check_overrides(CONF, "train", ["schedule=two_part", "schedule.parts.two.epochs=3", "data.counts.train=9"])
    check_overrides(CONF, "train", ["aug=blur", "steps=7", "experiment=smoke", "hydra.run.dir=x"])
    check_overrides(CONF, "train", ["aug=none,sharpen,blur", "lr=0.1,0.2"])


def test_command_line_refuses_before_tensorflow_loads() -> None:
    command = [sys.executable, str(ROOT / "train.py"), "stpes=50"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "steps" in done.stderr
    assert "Traceback" not in done.stderr
    probe = (
        "import sys; sys.argv = ['train.py', 'stpes=50']\n"
        "import runpy\n"
        "try: runpy.run_path('train.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print([name for name in ('tensorflow', 'keras', 'mlflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_weights_must_fit_the_normalisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    imagenet = Path("models/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5")
    for name, norm in ((imagenet, None), ("plain.h5", None), ("batch.h5", "batch"), ("group.h5", "group")):
        with h5py.File(name, "w") as file:
            if norm:
                file.attrs["fmask"] = NetworkMetadata("resnet50", ModelConfig(norm=norm), 64, True, CLASSES).to_json()
    for norm, weights in (("group", "imagenet"), ("group", "plain.h5"), ("group", "batch.h5"), ("batch", "group.h5")):
        with pytest.raises(UserError, match=f"^norm={norm} weights={weights}: these weights belong to a network with"):
            composed("backbone=resnet50", f"norm={norm}", f"weights={weights}")
    for norm, weights in (("group", "group.h5"), ("group", "none"), ("frozen", "batch.h5"), ("batch", "imagenet")):
        composed("backbone=resnet50", f"norm={norm}", f"weights={weights}")
