"""The training step of torchvision's Mask R-CNN, if torchvision is installed."""

from typing import Any

import numpy as np

from benchmarks.machine import memory, peak, timed
from fmask.training.train import use_threads


def train_step(batch: int, objects: int, times: int) -> dict[str, Any] | None:
    """Measure the cost per image of a step on one thread: ResNet-50, 128 px, 32 regions, all layers.

    Returns:
        The measurements, or None if torchvision is not installed.
    """
    try:
        import torch
        import torchvision
    except ModuleNotFoundError:
        return None
    torch.set_num_threads(1)
    use_threads(1)  # TensorFlow computes the matrix product for the comparison
    before = peak()
    network = torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=3, trainable_backbone_layers=5,
        min_size=128, max_size=128, box_batch_size_per_image=32,
    )  # fmt: skip
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
    best = (before + peak()) / 2
    most, own_memory = memory()
    return {
        "cpu_s": took.cpu / batch, "wall_s": took.wall / batch, "images_per_s": batch / took.wall,
        "peak_gflops": best, "peak_gflop": took.cpu / batch * best, "memory_gb": most, "own_memory_gb": own_memory,
    }  # fmt: skip
