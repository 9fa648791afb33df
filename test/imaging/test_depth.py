"""Depth images: millimetres and metres, padded rows and both orders of bytes."""

import numpy as np
import pytest

from fishy_ros.errors import ImageError
from fishy_ros.imaging import to_depth


@pytest.mark.parametrize("is_bigendian", [False, True])
@pytest.mark.parametrize(("encoding", "kind", "unit"), [("16UC1", "u2", 1000), ("32FC1", "f4", 1)])
def test_depths_are_in_metres_whatever_the_message_holds(encoding, kind, unit, is_bigendian):
    metres = np.array([[1.5, 0.0, 20.25], [3.0, 4.5, 65.0]], np.float32)
    stored = (metres * unit).astype((">" if is_bigendian else "<") + kind)
    padded = np.hstack([stored.view(np.uint8), np.full((2, 5), 7, np.uint8)])
    depth = to_depth(padded.reshape(-1), encoding, 2, 3, padded.shape[1], is_bigendian)
    assert depth.dtype == np.float32
    assert np.array_equal(depth, metres)


def test_what_is_no_depth_image_is_refused():
    data = np.zeros(100, np.uint8)
    with pytest.raises(ImageError, match="expected 16UC1"):
        to_depth(data, "bgr8", 2, 2, 6)
    with pytest.raises(ImageError, match="does not fit"):
        to_depth(data, "16UC1", 60, 2, 4)
    with pytest.raises(ImageError, match="does not fit"):
        to_depth(data, "32FC1", 2, 4, 8)
