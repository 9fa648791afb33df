"""The labelled set that is made while it is read."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from training.street import write_street

from fishy_ros.errors import ConfigError
from fishy_ros.training.generated_set import GeneratedSet, generated_samples
from fishy_ros.training.validation import ValidationConfig, count_watched


def test_frames_are_always_the_same_and_half_of_them_have_an_anomaly(tmp_path):
    write_street(tmp_path, count=12)
    for path in (tmp_path / "labels").iterdir():  # cars, of which distractors are made
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        labels[50:70, 60:100] = 13
        cv2.imwrite(str(path), labels)
    config = GeneratedSet("images", "labels", ("crops",), count=10)
    one, other = list(generated_samples(tmp_path, config)), list(generated_samples(tmp_path, config))
    assert len(one) == count_watched(ValidationConfig(generated=config), tmp_path) == 10
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.labels, b.labels)
        assert set(np.unique(a.labels)) <= {0, 1}
    anomalous = [bool((sample.labels == 1).any()) for sample in one]
    assert 1 <= sum(anomalous) < 10
    more = next(generated_samples(tmp_path, GeneratedSet("images", "labels", ("crops",), count=10, seed=1)))
    assert not np.array_equal(more.image, one[0].image)


def test_without_objects_there_is_no_set():
    with pytest.raises(ConfigError, match="generated: 0 folders of objects"):
        GeneratedSet("images", "labels", ())
