"""What picks weights: objects that were never trained with, pasted into held-out streets, always the same."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from training.street import write_street  # noqa: E402

from fishy_ros.training import validation  # noqa: E402
from fishy_ros.training.config import load_train_config  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, initialise  # noqa: E402
from fishy_ros.training.object_bank import load_object_bank  # noqa: E402
from fishy_ros.training.validation import score_pasted, score_void, validate  # noqa: E402


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return load_train_config(write_street(tmp_path_factory.mktemp("street"), count=4))


def model(seed=1):
    made = AnomalyModel("s")
    initialise(made, seed)
    return made


def seen_by(config, monkeypatch):
    """Return the images and targets that a validation compares."""
    found = []
    add = validation.PixelAccumulator.update

    def note(pool, score, target, name):
        found.append((name, target.copy(), float(score.sum())))
        add(pool, score, target, name)

    with monkeypatch.context() as patch:
        patch.setattr(validation.PixelAccumulator, "update", note)
        metrics = score_pasted(model(), config, config.validation.pasted)
    return metrics, found


def test_the_same_objects_are_pasted_in_every_call(config, monkeypatch):
    np.random.seed(0)
    first, one = seen_by(config, monkeypatch)
    np.random.seed(99)
    second, two = seen_by(dataclasses.replace(config, seed=77), monkeypatch)
    assert (first.ap, first.fpr95) == (second.ap, second.fpr95), "neither the run's seed nor the global one matters"
    assert [name for name, _, _ in one] == [name for name, _, _ in two]
    for (_, target, score), (_, again, score_again) in zip(one, two, strict=True):
        np.testing.assert_array_equal(target, again)
        assert score == score_again
    assert any((target == 1).any() for _, target, _ in one)
    assert len(one) == config.validation.pasted_images


def test_only_held_out_objects_are_pasted(config, monkeypatch):
    banks = []

    def note(root, bank_config, cache, held_out=False):
        banks.append(held_out)
        return load_object_bank(root, bank_config, cache, held_out)

    monkeypatch.setattr(validation, "load_object_bank", note)
    score_pasted(model(), config, config.validation.pasted)
    assert banks == [True]


def test_validation_leaves_weights_and_mode_of_the_trained_network_alone(config):
    made = model()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    found = validate(made, config)
    pooled = {"AP/pasted", "FPR95/pasted", "AP/void", "FPR95/void"}
    assert set(found) == {"mIoU/images", "AP/watched", "FPR95/watched", "AUROC/watched", *pooled}
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_things_of_no_class_are_scored_in_every_street_as_it_is(config, monkeypatch):
    targets = []
    add = validation.PixelAccumulator.update

    def note(pool, score, target, name):
        targets.append(target)
        add(pool, (target == 1).astype(np.float32), target, name)

    monkeypatch.setattr(validation.PixelAccumulator, "update", note)
    metrics = score_void(model(), config, config.validation.pasted)
    assert metrics.ap == 1.0
    assert metrics.fpr95 == 0.0
    assert len(targets) == 4
    for target in targets:
        assert 0 < np.count_nonzero(target == 1) < target.size / 10, "nothing was pasted"
        either_way = (targets[0], targets[0][:, ::-1])
        assert any(np.array_equal(target, one) for one in either_way), "some streets are mirrored"


def test_a_source_without_things_of_no_class_has_no_such_score(config):
    without = dataclasses.replace(config.validation.pasted, void_ids=None)
    assert score_void(model(), config, without) is None
