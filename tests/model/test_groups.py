"""Objects of which only a group of classes is known: their losses against plain NumPy, and what they do to a class."""

import keras
import numpy as np
import pytest
from keras import ops

from fmask.model import losses
from fmask.model.groups import check_groups, members_of, most_probable
from fmask.model.mask_rcnn import MaskRCNN
from tests.helpers.networks import tiny

K = 6
GROUPS = ((1, 2, 3), (4, 5))
MEMBERS = members_of(GROUPS, K)
RNG = np.random.default_rng(0)
LOGITS = (3 * RNG.normal(size=(2, 5, K))).astype(np.float32)
IDS = np.array([[6, 7, 0, 2, 5], [1, 6, 6, 7, 0]], np.int32)


def allowed(class_id: int) -> list[int]:
    return list(GROUPS[class_id - K]) if class_id >= K else [class_id]


def test_the_class_loss_is_that_of_the_summed_probability_of_the_group() -> None:
    weight = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 1, 1]], np.float32)
    terms = []
    for place in np.ndindex(2, 5):
        p = np.exp(LOGITS[place].astype(np.float64))
        p /= p.sum()
        terms += [-np.log(p[allowed(int(IDS[place]))].sum())] if weight[place] else []
    found = losses.mrcnn_class_loss(LOGITS, IDS, weight, MEMBERS)
    assert float(found) == pytest.approx(np.mean(terms), rel=1e-5)


def test_classes_alone_have_the_loss_that_they_have_without_groups() -> None:
    ids, weight = np.where(IDS < K, IDS, 3), np.ones(IDS.shape, np.float32)
    with_groups = float(losses.mrcnn_class_loss(LOGITS, ids, weight, MEMBERS))
    assert with_groups == float(losses.mrcnn_class_loss(LOGITS, ids, weight))


def test_no_class_of_the_group_is_punished_and_every_other_class_is() -> None:
    """The gradient of the loss by a logit is p_k for other classes, and p_k (1 - 1 / sum) for those of the group."""
    step = 1e-2
    for class_id, group in enumerate(GROUPS, start=K):
        ids, weight = np.array([[class_id]], np.int32), np.ones((1, 1), np.float32)
        for k in range(K):
            moved = LOGITS[:1, :1].copy()
            moved[..., k] += step
            before, after = (float(losses.mrcnn_class_loss(x, ids, weight, MEMBERS)) for x in (LOGITS[:1, :1], moved))
            assert (after < before) == (k in group)


def test_box_and_mask_train_the_most_probable_class_of_the_group() -> None:
    chosen = ops.convert_to_numpy(most_probable(LOGITS, IDS, MEMBERS))
    for place in np.ndindex(2, 5):
        own = allowed(int(IDS[place]))
        assert chosen[place] == own[int(LOGITS[place][own].argmax())]


@pytest.mark.parametrize("groups", [[[]], [[0, 1]], [[1, K]]])
def test_groups_are_of_classes(groups: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="groups must be lists of class ids from 1 to 5"):
        check_groups(groups, K)


@pytest.mark.usefixtures("eagerly")
def test_a_network_trains_on_objects_of_a_group_and_keeps_its_groups() -> None:
    rng, config = np.random.default_rng(1), tiny().config
    images = rng.uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    boxes = np.array([[[8, 8, 40, 40]], [[16, 4, 60, 44]]], np.float32)
    masks = np.ones((2, 1, 56, 56), np.float32)

    network = MaskRCNN("resnet18", K, config, groups=GROUPS)
    network.compile(optimizer=keras.optimizers.SGD(1e-3))
    start = [np.array(variable) for variable in network.variables]

    def first_losses(class_id: int) -> dict[str, float]:
        for variable, value in zip(network.variables, start, strict=True):
            variable.assign(value)
        targets = {"boxes": boxes, "class_ids": np.full((2, 1), class_id, np.int32), "masks": masks}
        return network.train_on_batch(images, targets, return_dict=True)

    group, classes = first_losses(K), [first_losses(k) for k in GROUPS[0]]
    assert all(np.isfinite(value) for value in group.values())
    assert group["rpn_class_loss"] == classes[0]["rpn_class_loss"]
    assert group["mrcnn_class_loss"] < min(each["mrcnn_class_loss"] for each in classes)
    assert min(group["mrcnn_mask_loss"], group["mrcnn_bbox_loss"]) > 0
    with pytest.raises(Exception, match="class_ids must be below num_classes=6 plus the 2 groups"):
        first_losses(K + 2)
    assert MaskRCNN.from_config(network.get_config()).groups == GROUPS
