"""Colour splash keeps the colour of detected objects only."""

import numpy as np

from fmask.visualization.splash import splash


def test_masks_keep_their_colour_and_the_rest_is_grey() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    masks = np.zeros((2, 6, 8), dtype=bool)
    masks[0, :2], masks[1, 1:3] = True, True
    out = splash(image, masks)
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out[:3], image[:3])
    assert (out[3:, :, 0] == out[3:, :, 1]).all()
    assert (out[3:, :, 0] == out[3:, :, 2]).all()
    expected = image[3:] @ [0.2125, 0.7154, 0.0721]  # ITU-R BT.709 luma
    np.testing.assert_allclose(out[3:, :, 0], expected, atol=0.51)


def test_without_masks_all_is_grey_and_the_input_is_unchanged() -> None:
    image = np.full((4, 5, 3), (200, 30, 30), dtype=np.uint8)
    out = splash(image, np.zeros((0, 4, 5), dtype=bool))
    assert (out == out[0, 0, 0]).all()
    assert image[0, 0].tolist() == [200, 30, 30]
