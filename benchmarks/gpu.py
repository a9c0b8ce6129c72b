"""Measure fmask beside torchvision's Mask R-CNN on a GPU: python -m benchmarks.gpu

fmask computes on JAX (`KERAS_BACKEND=jax`), torchvision on PyTorch, on the same card, with equal settings: image side,
batch size, proposals, regions, classes and detections. Each row runs in its own process and includes the transfer of
photos to the card and of detections back. Detection ends with masks of 28 x 28 pixels. The rows are written to
`gpu.csv` beside this file. `--sizes small` tries the program on a processor.
"""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # two frameworks share the card

FOLDER = Path(__file__).parent
OBJECTS = 3
"""Annotated objects in each photo."""
PROPOSALS, REGIONS, DETECTIONS = 1000, 128, 100
TIMED = 20
"""Timed batches, after the first ones that compile."""


def fmask_row(task: str, backbone: str, side: int, batch: int, precision: str) -> dict[str, Any]:
    """Measure training or detection of fmask in photos per second."""
    import fmask.utils.backend  # noqa: F401, I001 - before Keras, to keep its loading quiet
    import keras

    from benchmarks.network import configuration
    from fmask.inference.keras_predictor import KerasPredictor
    from fmask.model.mask_rcnn import MaskRCNN
    from fmask.training.optimizers import build_optimizer

    recipe = "report" if backbone.startswith("resnet") else "transfer"
    config = configuration(
        f"recipe={recipe}", f"backbone={backbone}", f"precision={precision}", f"batch_size={batch}",
        f"crop_size={side}", f"image_size={side}", f"regions.count={REGIONS}", "regions.add_objects=true",
        f"proposals={{candidates: {PROPOSALS}, train: {PROPOSALS}, detect: {PROPOSALS}}}",
        f"detection.count={DETECTIONS}", "detection.floor=0", "regions.pooling=align",
    )  # fmt: skip
    network = MaskRCNN(config.backbone.name, 3, config.network_settings(), config.seed)
    images, targets = photos(side, batch)
    if task == "detection":
        predictor = KerasPredictor(network, side, config.antialias, ("mask", "hat"))
        inputs = {"image": images, "window": np.tile(np.array([[0, 0, 1, 1]], np.float32), (batch, 1))}
        return timed(lambda: predictor._run(inputs), batch)

    class Same(keras.utils.PyDataset):
        def __len__(self) -> int:
            return TIMED

        def __getitem__(self, index: int) -> Any:
            return images, targets

    network.compile(optimizer=build_optimizer(config), jit_compile=True)
    took: list[float] = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: took.append(time.perf_counter()))
    started = time.perf_counter()
    network.fit(Same(), epochs=4, verbose=0, callbacks=[clock])
    return {"images_per_s": TIMED * batch / min(np.diff(took)), "first_s": took[0] - started}


def torchvision_row(task: str, backbone: str, side: int, batch: int, precision: str) -> dict[str, Any]:
    """Measure training or detection of torchvision in photos per second."""
    import torch
    import torchvision

    # Each new shape is timed again. The number of masks in a training step varies, so this would halve its speed.
    torch.backends.cudnn.benchmark = task == "detection"
    torch.set_float32_matmul_precision("high")  # TF32, as JAX's default
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=3, trainable_backbone_layers=5, min_size=side, max_size=side,
        box_batch_size_per_image=REGIONS, rpn_pre_nms_top_n_train=PROPOSALS, rpn_post_nms_top_n_train=PROPOSALS,
        rpn_pre_nms_top_n_test=PROPOSALS, rpn_post_nms_top_n_test=PROPOSALS, box_detections_per_img=DETECTIONS,
        box_score_thresh=0.0,
    ).to(device)  # fmt: skip
    images, targets = photos(side, batch)
    tensors = [torch.tensor(image.transpose(2, 0, 1) / 255, dtype=torch.float32) for image in images]
    masks = np.zeros((batch, OBJECTS, side, side), np.uint8)
    for photo, boxes in enumerate(targets["boxes"].astype(int)):
        for index, (y1, x1, y2, x2) in enumerate(boxes):
            masks[photo, index, y1:y2, x1:x2] = 1
    labels = [
        {
            "boxes": torch.tensor(boxes[:, [1, 0, 3, 2]]),
            "labels": torch.tensor(ids.astype(np.int64)),
            "masks": torch.tensor(own),
        }
        for boxes, ids, own in zip(targets["boxes"], targets["class_ids"], masks, strict=True)
    ]

    def inputs() -> list[Any]:
        return [tensor.to(device, non_blocking=True) for tensor in tensors]

    def in_precision() -> Any:
        return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

    if task == "detection":
        network.eval()
        # fmask's row does not draw masks in the photo either.
        network.transform.postprocess = lambda found, *_: found

        def detect() -> list[dict[str, Any]]:
            with torch.inference_mode(), in_precision():
                found = network(inputs())
            return [{key: value.cpu() for key, value in each.items()} for each in found]

        # fmask computes a mask for each slot, filled or not.
        assert all(len(each["boxes"]) == DETECTIONS for each in detect())
        return timed(detect, batch)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)

    def step() -> None:
        own = [{key: value.to(device, non_blocking=True) for key, value in each.items()} for each in labels]
        with in_precision():
            loss = sum(network(inputs(), own).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        loss.item()

    return timed(step, batch)


def photos(side: int, batch: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return random photos (B, S, S, 3) in 0..255 and the targets of `OBJECTS` objects in each."""
    rng = np.random.default_rng(0)
    corner = rng.integers(0, side - side // 3, (batch, OBJECTS, 2))
    images = rng.integers(0, 256, (batch, side, side, 3)).astype(np.float32)
    return images, {
        "boxes": np.concatenate([corner, corner + side // 3], axis=-1).astype(np.float32),
        "class_ids": rng.integers(1, 3, (batch, OBJECTS)).astype(np.int32),
        "masks": np.ones((batch, OBJECTS, 56, 56), np.float32),
    }


def timed(call: Callable[[], object], batch: int) -> dict[str, float]:
    """Return the photos per second of the fastest of three rounds, and the seconds of the first call."""
    started = time.perf_counter()
    call()
    first = time.perf_counter() - started
    rounds = []
    for _ in range(3):
        call()
        started = time.perf_counter()
        for _ in range(TIMED):
            call()
        rounds.append(time.perf_counter() - started)
    return {"images_per_s": TIMED * batch / min(rounds), "first_s": first}


ROWS = {
    "full": [
        (task, backbone, side, batch, precision)
        for backbone, side in (("resnet50", 512), ("efficientnet_lite0", 320))
        for task in ("training", "detection")
        for precision in ("fp32", "bf16")
        for batch in (8, 16)
    ],
    "small": [("training", "resnet50", 64, 2, "fp32"), ("detection", "resnet50", 64, 2, "fp32")],
}
MEASURES = {"fmask": fmask_row, "torchvision": torchvision_row}


def main(
    sizes: Annotated[str, typer.Option(help="full | small")] = "full",
    only: Annotated[str, typer.Option(help="Measure only rows with this in their name.")] = "",
    row: Annotated[str, typer.Option(hidden=True, help="Measure this row in this process.")] = "",
) -> None:
    """Measure the rows, each in a process of its own, and write the table."""
    if row:
        framework, *settings = json.loads(row)
        print(json.dumps(MEASURES[framework](*settings)))
        return
    written = []
    for settings in ROWS[sizes]:
        for framework in MEASURES:
            if (framework == "torchvision" and settings[1] != "resnet50") or only not in f"{framework} {settings}":
                continue
            command = [sys.executable, "-m", "benchmarks.gpu", "--row", json.dumps([framework, *settings])]
            done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{framework} {settings}: {done.stderr[-500:]}", flush=True)
                continue
            measured = json.loads(done.stdout.splitlines()[-1])
            names = ("framework", "task", "backbone", "side", "batch", "precision")
            written.append(dict(zip(names, (framework, *settings), strict=True)) | measured)
            print(*written[-1].values(), flush=True)
            with (FOLDER / "gpu.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(written[0]))
                writer.writeheader()
                writer.writerows(written)


if __name__ == "__main__":
    typer.run(main)
