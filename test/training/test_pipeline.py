"""From a configuration to a model package, on a tiny street."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from sklearn.metrics import average_precision_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

from training.street import run_commands, write_street  # noqa: E402

from fishy_ros.commands import baseline, bench, calibrate, evaluate, export, pack, train  # noqa: E402
from fishy_ros.detector import AnomalyDetector  # noqa: E402
from fishy_ros.errors import ConfigError, TrainingError  # noqa: E402
from fishy_ros.evaluation.scoring.evaluate import score_frames  # noqa: E402
from fishy_ros.evaluation.scoring.saved_maps import SavedMaps  # noqa: E402
from fishy_ros.imaging import resize_score  # noqa: E402
from fishy_ros.model_package import load_model_package  # noqa: E402
from fishy_ros.training.bfloat16 import uses_bfloat16  # noqa: E402
from fishy_ros.training.calibrate import load_calibration  # noqa: E402
from fishy_ros.training.checkpoint import load_checkpoint, load_model  # noqa: E402
from fishy_ros.training.config import load_train_config  # noqa: E402
from fishy_ros.training.evaluate import SegmentationSet, evaluate_segmentation  # noqa: E402
from fishy_ros.training.heads.logit_heads import EnergyHead  # noqa: E402
from fishy_ros.training.loop import Trainer  # noqa: E402
from fishy_ros.training.provenance import data_sha256  # noqa: E402
from fishy_ros.training.reduced import parse_size  # noqa: E402
from fishy_ros.training.statistics import load_statistics, to_tensor  # noqa: E402

SIZE = ("--height", "64", "--width", "128")


@pytest.fixture(scope="module")
def street(tmp_path_factory) -> Path:
    return write_street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def run(street, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run")
    call("train", street, "--out", out)
    call("calibrate", street, out / "last.pt", "--images", 3, *SIZE)
    return out


def curves(run) -> dict:
    """Read what TensorBoard shows of a run: for each curve its events, which have a step and a value."""
    reader = EventAccumulator(str(run / "curves"))
    reader.Reload()
    return {name: reader.Scalars(name) for name in reader.Tags()["scalars"]}


def call(*arguments) -> str:
    return run_commands((pack, train, evaluate, calibrate, export, baseline), arguments)


def test_training_leaves_checkpoint_curves_and_picture(run):
    assert load_checkpoint(run / "last.pt").crops == 6
    assert (run / "predictions.png").stat().st_size > 0
    assert {"segmentation", "outlier", "prototypes", "learning_rate"} <= set(curves(run))


def test_a_run_notes_what_it_was_made_from(street, run, tmp_path):
    (part,) = json.loads((run / "run.json").read_text())
    config = load_train_config(street)
    assert part["configuration"]["seed"] == config.seed
    assert part["data_sha256"] == data_sha256(config)
    picture = street.parent / "images/0.png"
    before = picture.read_bytes()
    picture.write_bytes(before + b" ")
    try:
        assert data_sha256(config) != part["data_sha256"]
    finally:
        picture.write_bytes(before)


def test_a_run_watches_the_sets_that_its_configuration_names(run):
    pooled = ("AP/pasted", "FPR95/pasted", "AP/void", "FPR95/void")
    watched = ("mIoU/images", "AP/watched", "FPR95/watched", "AUROC/watched", *pooled)
    found = curves(run)
    for name in watched:
        assert [event.step for event in found[name]] == [4, 6], "after the first epoch of 3 crops, and after the second"
        assert all(0 <= event.value <= 1 for event in found[name])


def test_heads_are_compared_on_the_watched_sets(street, run, tmp_path):
    out = tmp_path / "heads.json"
    chosen = ("--head", "dissimilarity", "--head", "energy")
    call(
        "evaluate",
        street,
        run / "weights.safetensors",
        "--out",
        out,
        "--images",
        3,
        *chosen,
        *SIZE,
        "--maps",
        tmp_path / "maps",
    )
    result = json.loads(out.read_text())["heads"]
    assert [head["head"] for head in result["heads"]] == ["dissimilarity", "energy"]
    model = load_model(run / "last.pt")
    label = np.asarray(cv2.imread(str(street.parent / "watched/labels/0.png"), cv2.IMREAD_UNCHANGED))
    picture = to_tensor(cv2.imread(str(street.parent / "watched/images/0.png")), 64, 128)
    with torch.no_grad():
        raw = -model(picture).net.logits.logsumexp(dim=1)[0].numpy()
    score = resize_score(resize_score(raw, 32, 64), *label.shape)
    expected = average_precision_score(label.ravel(), score.ravel())
    assert result["heads"][1]["sets"]["watched"]["AP"] == pytest.approx(expected, abs=1e-6)
    assert result["heads"][1]["cost"]["latency_ms"] > 0
    assert result["heads"][1]["sets"]["watched"]["image_AP"] == pytest.approx(expected, abs=1e-6), "one image alone"
    assert result["prevalence"]["watched"] == pytest.approx((label == 1).sum() / (label <= 1).sum())
    whole, wrong = evaluate_segmentation(
        model, street.parent, SegmentationSet("images", "labels"), 64, 128, lambda: None, {"x": EnergyHead()}
    )
    assert result["segmentation"]["images"] == pytest.approx(whole.miou)
    assert result["heads"][1]["misclassification"]["images"] == {"max_J": wrong["x"].max_j, "AP": wrong["x"].ap}
    maps = SavedMaps(tmp_path / "maps/watched/energy", street.parent / "watched/labels")
    assert score_frames(lambda: maps).pixel.ap == pytest.approx(expected, abs=1e-6), "`fishy score` says the same"


def test_weights_of_an_ensemble_are_searched_on_pasted_objects_and_become_part_of_the_calibration(
    street, run, tmp_path
):
    (tmp_path / "objects").mkdir()
    for number in range(4):
        crop = np.full((20, 30, 4), (10, 250, 40 * number, 255), np.uint8)
        cv2.imwrite(str(tmp_path / f"objects/thing_{number}.png"), crop)
    objects = ("--objects", tmp_path / "objects", "--out", tmp_path)
    call("calibrate", street, run / "last.pt", "--images", 3, *SIZE, "--head", "ensemble+ground", *objects)
    found = load_statistics(tmp_path / "statistics.safetensors")
    assert float(found.of("ensemble")["weights"].sum()) == pytest.approx(1)
    assert load_calibration(tmp_path / "calibration.json").head == "ensemble+ground"
    with pytest.raises(ConfigError, match="name objects with --objects"):
        call("calibrate", street, run / "last.pt", "--images", 3, *SIZE, "--head", "ensemble", "--out", tmp_path)
    with pytest.raises(ConfigError, match=r"odin.* cannot be exported: it runs the network"):
        call("calibrate", street, run / "last.pt", "--images", 3, *SIZE, "--head", "odin", "--out", tmp_path)


def test_a_variant_starts_from_the_weights_of_the_plain_network(street, run, tmp_path):
    config = load_train_config(street)
    plain = load_model(run / "weights.safetensors").net.state_dict()
    trainer = Trainer(dataclasses.replace(config, size="s_void", data=str(street.parent)), tmp_path, "cpu")
    trainer.start_from(run / "weights.safetensors")
    assert all(torch.equal(trainer.model.net.state_dict()[name], value) for name, value in plain.items())
    trainer.run(lambda *_: None)
    model = load_model(tmp_path / "weights.safetensors")
    assert model.net.variant == "void"
    assert model.net.extra is not None


def test_weights_that_name_no_network_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(TrainingError, match=r"x\.safetensors: weights of network None; known are"):
        load_model(tmp_path / "x.safetensors")


def test_a_new_run_starts_from_trained_weights(street, run, tmp_path):
    trainer = Trainer(load_train_config(street), tmp_path, "cpu")
    trainer.start_from(run / "weights.safetensors")
    trained = load_model(run / "last.pt").state_dict()
    for name, value in trainer.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), trained[name].numpy(), err_msg=name)


def test_weights_of_another_network_are_refused(street, tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="not weights of network 's'"):
        Trainer(load_train_config(street), tmp_path, "cpu").start_from(tmp_path / "weights.safetensors")


def test_processes_that_train_together_write_one_checkpoint(street, tmp_path):
    call("train", street, "--out", tmp_path, "--processes", 2)
    assert load_checkpoint(tmp_path / "last.pt").crops == 8, "two steps of two crops in each of two processes"


def test_the_exported_package_detects_and_equals_torch(run, tmp_path):
    words = tmp_path / "words.yaml"
    words.write_text(
        "{name: tiny, version: 1.0.0, description: a test, license: Apache-2.0, training_data: [tiny], card: '# tiny'}"
    )
    call("export", run / "last.pt", tmp_path / "tiny", "--description", words, *SIZE)
    image = np.random.default_rng(1).integers(0, 255, (64, 128, 3), np.uint8)
    with AnomalyDetector(tmp_path / "tiny", runtime="onnxruntime", device="cpu") as detector:
        detection = detector.detect(image)
    assert detection.score.shape == detection.labels.shape == (32, 64)

    from fishy_ros.training.graph import DeployedModel

    model, measured = load_model(run / "last.pt"), load_calibration(run / "calibration.json")
    deployed = DeployedModel(model, model.head, measured.scale).eval()
    with torch.no_grad():
        score, labels = deployed(torch.from_numpy(image)[None])
    np.testing.assert_allclose(detection.score, score[0].numpy(), atol=1e-5)
    assert (detection.labels == labels[0].numpy()).mean() > 0.999


def test_an_exported_package_says_what_normal_input_looks_like_and_has_a_smaller_graph(run, tmp_path):
    street = write_street(tmp_path / "many", count=24)
    words = tmp_path / "words.yaml"
    words.write_text(
        "{name: tiny, version: 1.0.0, description: a test, license: Apache-2.0, training_data: [tiny], card: '# tiny'}"
    )
    reduced = ("--config", street, "--baseline-images", 24, "--reduced", "32x64")
    call("export", run / "last.pt", tmp_path / "tiny", "--description", words, *SIZE, *reduced)
    package = load_model_package(tmp_path / "tiny")
    assert package.baseline is not None
    assert package.baseline.images == 24
    images = [cv2.imread(str(path)) for path in sorted((street.parent / "images").glob("*.png"))]
    shares = []
    for graph in (package, package.at_reduced_size(0)):
        with AnomalyDetector(graph, runtime="onnxruntime", device="cpu") as detector:
            assert detector.score_size == (graph.input_height // 2, graph.input_width // 2)
            shares.append(np.mean([detector.detect(image).score > 0.5 for image in images]))
    assert shares[1] == pytest.approx(shares[0], abs=0.01), "0.5 means the same at both sizes"
    said = call("baseline", tmp_path / "tiny", "--folder", street.parent / "images", "--runtime", "onnxruntime")
    assert "24 normal images" in said
    again = load_model_package(tmp_path / "tiny").baseline
    assert again is not None
    for name, spread in package.baseline.statistics.items():
        np.testing.assert_allclose(again.statistics[name], spread, atol=0.05, err_msg=name)


@pytest.mark.parametrize("size", ["64x128", "32", "30x64", "0x0", "32x64x3"])
def test_a_reduced_size_that_is_none_is_refused(size):
    with pytest.raises(ConfigError, match="multiples of 32, smaller than 64x128"):
        parse_size(size, 64, 128)


def test_calibration_says_what_share_of_normal_pixels_exceeds_a_threshold(run):
    calibration = load_calibration(run / "calibration.json").describe()
    thresholds, shares = zip(*calibration.normal_share_above, strict=True)
    assert list(thresholds) == sorted(thresholds)
    assert list(shares) == sorted(shares, reverse=True)
    assert dict(zip(shares, thresholds, strict=True))[0.01] == pytest.approx(0.5)
    assert dict(zip(shares, thresholds, strict=True))[0.0001] == pytest.approx(0.75)


def test_bfloat16_trains_too_and_an_unknown_precision_is_refused(street, tmp_path):
    config = load_train_config(street)
    mixed = dataclasses.replace(config, optimiser=dataclasses.replace(config.optimiser, precision="bfloat16"))
    trainer = Trainer(mixed, tmp_path, "cpu")
    losses = []
    trainer.run(lambda epoch, total, terms: losses.append(terms))
    assert all(torch.isfinite(value) for value in losses[0].values())
    assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}
    with pytest.raises(ConfigError, match="precision 'half' is unknown"):
        uses_bfloat16("half", "cpu")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sizee", "s", "unknown key 'sizee'"),
        ("seed", "many", "seed: expected int, found 'many'"),
        ("optimiser", {"ema": True}, "ema: expected float"),
        ("stages", [{"epochs": 1, "height": 60, "width": 128, "batch": 2}], "60x128 px, batch 2"),
        ("bank", {"objects": ["a", "b"], "erode": [1]}, "2 folders of objects but 1 values of erode"),
        ("sources", 3, "sources: expected a list"),
        ("augment", None, "augment: expected a mapping"),
    ],
)
def test_a_wrong_configuration_names_the_key(street, tmp_path, key, value, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(street.read_text()), key: value}))
    with pytest.raises(ConfigError, match=message):
        load_train_config(path)


def test_missing_images_are_named(street, tmp_path):
    config = dataclasses.replace(load_train_config(street), data=str(tmp_path))
    with pytest.raises(TrainingError, match="no images"):
        Trainer(config, tmp_path, "cpu").run(lambda *_: None)


@pytest.mark.parametrize("choice", ["always", "never"])
def test_the_speed_of_each_part_of_training_is_measured(street, tmp_path, choice, monkeypatch):
    from fishy_ros.training import loop
    from fishy_ros.training.device_augment.stream import DeviceCrops

    monkeypatch.setattr(loop, "DeviceCrops", lambda *a: DeviceCrops(*a, object_side=64, procedural_objects=4))
    out = tmp_path / "speed.json"
    options = ("--size", "64x128", "--batch", 2, "--seconds", 0.05, "--device-augment", choice, "--out", out)
    said = run_commands((bench,), ("bench", "training", street, *options))
    speed = json.loads(out.read_text())["training_speed"]
    assert speed["on_device"] == (choice == "always")
    rates = speed["crops_per_second"]
    assert set(rates) == {"cut", "augmented", "network", "all"}
    assert 0 < rates["all"] < rates["cut"]
    assert f"{rates['all']:.2f} crops/s" in said
