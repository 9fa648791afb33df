"""How images of other aspect ratios come into a network's input, and its answer back over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishy_ros.imaging import FITS, place

SIZES = st.tuples(st.integers(1, 400), st.integers(1, 400))


def ramps(height: int, width: int) -> np.ndarray:
    """Return a picture that says of every pixel where it is, in 0 to 255 down and across."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.dstack((rows * 255 // max(1, height - 1), columns * 255 // max(1, width - 1), rows * 0)).astype(np.uint8)


@given(st.sampled_from(FITS), SIZES, SIZES, st.integers(1, 4))
def test_an_answer_covers_the_whole_image_in_its_own_aspect_ratio(fit, image, network, shrink):
    placement = place(fit, image, network)
    target = np.zeros((*network, 3), np.uint8)
    placement.fill(np.full((*image, 3), 7, np.uint8), target)
    assert (target == 7).all()
    output = (max(1, network[0] // shrink), max(1, network[1] // shrink))
    spread = placement.spread(np.ones(output, np.float32), 0.0)
    assert spread.shape == placement.size_over_image(output)
    assert spread.max() == 1.0
    if fit != "crop":
        assert spread.min() == 1.0


@pytest.mark.parametrize("image", [(720, 1280), (1280, 720), (480, 640), (512, 1024), (300, 1200)])
@pytest.mark.parametrize("fit", FITS)
def test_what_lies_somewhere_in_the_image_lies_there_in_the_answer(fit, image):
    placement = place(fit, image, (512, 1024))
    target = np.zeros((512, 1024, 3), np.uint8)
    placement.fill(ramps(*image), target)
    spread = placement.spread(target[..., 1].astype(np.float32), -1.0)
    seen = spread >= 0
    expected = np.broadcast_to(np.linspace(0, 255, spread.shape[1]), spread.shape)
    assert np.abs(spread - expected)[seen].mean() < 1.5
    down = placement.spread(target[..., 0].astype(np.float32), -1.0)
    expected = np.broadcast_to(np.linspace(0, 255, spread.shape[0])[:, None], spread.shape)
    assert np.abs(down - expected)[seen].mean() < 1.5


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("image", [(720, 1280), (1280, 720), (480, 640)])
def test_crop_and_pad_keep_shapes_and_stretch_does_not(fit, image):
    assert place(fit, image, (512, 1024)).squeeze == pytest.approx(1.0, abs=0.01)
    assert place("stretch", image, (512, 1024)).squeeze == pytest.approx(2 * image[0] / image[1], rel=1e-6)


def test_crop_leaves_out_what_the_answer_marks_as_unseen():
    placement = place("crop", (720, 1280), (512, 1024))
    spread = placement.spread(np.ones((512, 1024), np.float32), 0.0)
    assert spread.shape == (576, 1024)
    assert (spread[:32] == 0).all()
    assert (spread[-32:] == 0).all()
    assert (spread[32:-32] == 1).all()


@pytest.mark.parametrize("fit", FITS)
def test_an_image_of_the_networks_aspect_ratio_is_treated_alike_by_all(fit):
    assert place(fit, (1024, 2048), (512, 1024)).is_whole
