"""On the JAX backend the network computes the same as on TensorFlow, without TensorFlow being installed."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.reference import Arrays, assert_near, assert_stages, distances, recorded_on_formula
from tests.helpers.stages import TRAINED, golden_network, losses_of, maps_of_small_backbone, stages_of

pytestmark = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed; install it with `uv sync`")

ROOT = Path(__file__).parents[2]
COMPUTE = """
import sys
class BlockTensorFlow:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, BlockTensorFlow())
import fmask.inference.serving, fmask.training.train, keras, numpy
from tests.helpers import stages
numpy.savez(sys.argv[1], backend=keras.backend.backend(), **stages.everything())
"""


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    path = tmp_path_factory.mktemp("jax") / "outputs.npz"
    environment = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compilation takes most of the time
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", COMPUTE, str(path)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(path) as file:
        assert file["backend"] == "jax"
        return dict(file)


def test_every_stage_matches_the_reference(on_jax: Arrays) -> None:
    assert_stages(on_jax, recorded_on_formula("resnet50"))


def test_every_stage_matches_tensorflow(on_jax: Arrays) -> None:
    found = stages_of(golden_network())
    assert found.keys() < on_jax.keys()
    for name in found.keys() - {"rpn_rois", "mrcnn_class", "mrcnn_bbox", "detections"}:
        assert_near(on_jax[name], found[name], name)
    for name in ("rpn_rois", "detections"):  # compared as sets: rounding may swap similar scores
        between = distances(on_jax[name][0], found[name][0])
        assert max(between.min(axis=0).max(), between.min(axis=1).max()) < 1e-4, name


def test_a_backbone_with_depthwise_convolutions_matches_tensorflow(on_jax: Arrays) -> None:
    for name, expected in maps_of_small_backbone().items():
        assert np.ptp(expected) > 0
        np.testing.assert_allclose(on_jax[name], expected, atol=1e-4 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize("optimizer", TRAINED)
def test_training_losses_match_tensorflow(on_jax: Arrays, optimizer: str) -> None:
    found = losses_of(optimizer)
    np.testing.assert_allclose(on_jax[optimizer], found, rtol=1e-3, atol=1e-5)
    assert np.abs(found[1] - found[0]).max() > 1e-2  # the first step has changed the network
