"""From the heads' outputs to detections: refined boxes, and suppression within each class."""

from keras import ops

from fmask.model import geometry
from fmask.model.config import ModelConfig
from fmask.model.rpn import DELTA_STD
from fmask.model.types import Tensor


def select(
    regions: Tensor, logits: Tensor, deltas: Tensor, window: Tensor, config: ModelConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Refine regions to detections.

    Each region is moved by the deltas of its best class. Then non-maximum suppression within each class keeps the D
    best detections.

    Args:
        regions: (B, R, 4) normalised; zero rows are empty slots.
        logits: (B, R, K).
        deltas: (B, R, K, 4).
        window: (B, 4) normalised; boxes are clipped to it.
        config: the network's settings.

    Returns:
        Boxes (B, D, 4), class ids (B, D) and scores (B, D), best score first; zeros in unused slots.
    """
    probabilities = ops.softmax(logits, axis=-1)
    # One operation returns both; Keras' argmax on TensorFlow uses operations that ONNX lacks.
    scores, class_ids = (best[..., 0] for best in ops.top_k(probabilities, 1))
    own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
    boxes = geometry.clip(geometry.decode(regions, own * DELTA_STD), window[:, None, :])
    present = ops.logical_and(class_ids > 0, ops.any(regions != 0, axis=-1))
    present = ops.logical_and(present, scores >= config.detection.floor)
    # Boxes of different classes are shifted apart, so that one suppression handles all classes.
    apart = boxes + 2.0 * ops.cast(class_ids, boxes.dtype)[..., None]
    ranking = ops.where(present, scores, -1.0)
    keep, valid = geometry.non_max_suppression(apart, ranking, config.detection.count, config.detection.nms)
    kept = [ops.take_along_axis(values, keep, axis=1) for values in (class_ids, scores)]
    kept_boxes = ops.take_along_axis(boxes, keep[..., None], axis=1)
    return (
        ops.where(valid[..., None], kept_boxes, 0.0),
        ops.where(valid, ops.cast(kept[0], "int32"), 0),
        ops.where(valid, kept[1], 0.0),
    )
