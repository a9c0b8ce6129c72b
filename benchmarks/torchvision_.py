"""The training step and the detection of torchvision's Mask R-CNN, if torchvision is installed."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.machine import memory, peak, timed
from fmask.training.train import use_threads


def train_step(batch: int, objects: int, times: int) -> dict[str, Any] | None:
    """Measure the cost per image of a step on one thread: ResNet-50, 128 px, 32 regions, all layers.

    Returns:
        The measurements, or None if torchvision is not installed.
    """
    if not (torch := _torch()):
        return None
    before = peak()
    network = _mask_rcnn(128, trainable_backbone_layers=5, box_batch_size_per_image=32)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    rng = np.random.default_rng(0)
    images = [torch.tensor(rng.uniform(size=(3, 128, 128)), dtype=torch.float32) for _ in range(batch)]
    corner = rng.integers(0, 86, (batch, objects, 2))
    boxes = np.concatenate([corner, corner + 42], axis=-1).astype(np.float32)
    targets = [
        {
            "boxes": torch.tensor(own),
            "labels": torch.tensor(rng.integers(1, 3, objects)),
            "masks": torch.ones((objects, 128, 128), dtype=torch.uint8),
        }
        for own in boxes
    ]

    def step() -> None:
        optimizer.zero_grad()
        sum(network(images, targets).values()).backward()
        optimizer.step()

    took = timed(step, times)
    most, own_memory = memory()
    return {
        **_costs(took.cpu / batch, took.wall / batch, (before + peak()) / 2),
        "memory_gb": most,
        "own_memory_gb": own_memory,
    }


def detection(side: int, times: int) -> dict[str, Any] | None:
    """Measure the detection of two objects in a photo on one thread: ResNet-50, 1000 proposals, masks as in the photo.

    The photo is square, so that both frameworks compute `side` x `side` pixels. Of other photos torchvision computes
    fewer; fmask pads them to squares. The two classify the proposals that suppression keeps: torchvision only these,
    fmask as many as it has slots. With random weights and 128 px, 745 are kept.

    Returns:
        The measurements, or None if torchvision is not installed.
    """
    if not (torch := _torch()):
        return None
    before = peak()
    # A network with random weights detects the largest allowed number of objects.
    network = _mask_rcnn(side, box_detections_per_img=2, box_score_thresh=0.0)
    network.eval()
    photo = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)

    def detect() -> Any:
        with torch.inference_mode():
            return network([torch.from_numpy(photo).permute(2, 0, 1).float() / 255])[0]

    found = len(detect()["scores"])
    took = timed(detect, times)
    return {"found": found, **_costs(took.cpu, took.wall, (before + peak()) / 2)}


def _torch() -> Any:
    """Return PyTorch on one thread, with TensorFlow likewise for the matrix product; None without torchvision."""
    if find_spec("torchvision") is None:
        return None
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    use_threads(1)
    return torch


def _mask_rcnn(side: int, **settings: Any) -> Any:
    import torchvision

    return torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=side, max_size=side, **settings
    )


def _costs(cpu: float, wall: float, best: float) -> dict[str, float]:
    return {"cpu_s": cpu, "wall_s": wall, "images_per_s": 1 / wall, "peak_gflops": best, "peak_gflop": cpu * best}
