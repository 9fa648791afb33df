"""Replays in process: frames, result, timing, video and ranking."""

import io
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.evaluation.replay.run_offline import replay_offline, run_offline
from fishy_ros.evaluation.replay.timing import time_detector
from fishy_ros.evaluation.replay.video import OverlayVideo
from fishy_ros.evaluation.report.ranking import ranking_table
from fishy_ros.evaluation.report.report_json import result_to_json
from fishy_ros.evaluation.result import ReplayResult, SourceDescription
from fishy_ros.evaluation.scoring.build_result import build_result
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.evaluation.sources.source import PlayFrame
from fishy_ros.imaging import resize_score
from fishy_ros.metrics.component import ComponentAccumulator, find_track
from fishy_ros.metrics.pixel import PixelAccumulator


@pytest.fixture(scope="module")
def choice(tiny_package):
    return DetectorChoice(str(tiny_package.folder), "onnxruntime")


def test_the_result_is_that_of_the_detector_and_the_pixel_metrics_by_hand(street, choice, no_stages):
    result = run_offline(DatasetSource(street), choice, no_stages)
    pixels = PixelAccumulator()
    with AnomalyDetector(choice.model, choice.runtime) as detector:
        for sample in street:
            score = resize_score(detector.detect(sample.image).score, *sample.labels.shape)
            pixels.update(score, sample.labels, sample.id)
    expected = pixels.compute()
    assert (result.score.pixel.ap, result.score.pixel.auroc) == (expected.ap, expected.auroc)
    assert result.frames.played == result.frames.published == len(street)
    assert result.latency_ms()["inference"].count == len(street)
    assert result.model.name == "tiny"


def test_components_are_those_at_the_threshold_of_all_frames(street, choice, no_stages):
    result = run_offline(DatasetSource(street), choice, no_stages, track=find_track("obstacle"))
    components = ComponentAccumulator(result.score.pixel.best_f1_threshold, find_track("obstacle"))
    with AnomalyDetector(choice.model, choice.runtime) as detector:
        for sample in street:
            score = resize_score(detector.detect(sample.image).score, *sample.labels.shape)
            components.update(score, sample.labels, sample.id)
    assert result.score.component == components.compute()
    assert result.score.component.true_components > 0


class StreetWithClasses(SyntheticStreet):
    """The street as a dataset that has classes, as Cityscapes has."""

    def __getitem__(self, index):
        return replace(super().__getitem__(index), classes=self.segmentation(index))


def test_true_classes_give_miou_and_misclassification(choice, no_stages):
    street = StreetWithClasses(3, 96, 192, 3)
    result = run_offline(DatasetSource(street), choice, no_stages)
    right = np.zeros((19, 3))
    with AnomalyDetector(choice.model, choice.runtime) as detector:
        for sample in street:
            found = cv2.resize(detector.detect(sample.image).labels, (192, 96), interpolation=cv2.INTER_NEAREST_EXACT)
            valid = sample.classes < 19
            for index in range(19):
                masks = (found == index) & valid, (sample.classes == index) & valid
                right[index] += [np.sum(masks[0] & masks[1]), np.sum(masks[0] | masks[1]), np.sum(masks[1])]
    present = right[:, 1] > 0
    assert result.score.segmentation.miou == pytest.approx(np.mean(right[present, 0] / right[present, 1]), abs=1e-12)
    assert result.score.misclassification.wrong == right[:, 2].sum() - right[:, 0].sum()
    assert result_to_json(result)["metrics"]["segmentation"]["miou"] == result.score.segmentation.miou


def test_frames_without_a_heatmap_are_counted_and_named(street, choice):
    with AnomalyDetector(choice.model, choice.runtime) as detector:
        detected_frames = [
            DetectedFrame(detected.sample, None) if index in (1, 4) else detected
            for index, detected in enumerate(replay_offline(DatasetSource(street), detector))
        ]
    done = []
    result = build_result(ReplayResult("live", SourceDescription("dataset", "street")), detected_frames, done.append)
    assert (result.frames.played, result.frames.published, result.frames.dropped) == (6, 4, 2)
    assert "no heatmap for 2 frames: 000001, 000004" in result.warnings
    assert done == [1, 2, 3, 4, 5, 6]


def test_nothing_to_play_is_an_error(tiny_package):
    class Nothing:
        name = "nothing"

        def __len__(self):
            return 0

    with AnomalyDetector(tiny_package, "onnxruntime") as detector, pytest.raises(ReplayError, match="nothing has no"):
        next(replay_offline(Nothing(), detector))


def test_timing_covers_the_number_of_frames_that_was_asked_for(street, tiny_package):
    with AnomalyDetector(tiny_package, "onnxruntime") as detector:
        timing = time_detector(detector, DatasetSource(street), 25)
    assert timing.frames == 25
    assert 0 < timing.p50_ms <= timing.p99_ms


def test_timing_goes_through_every_image_before_one_comes_again(tiny_package, monkeypatch):
    many = SyntheticStreet(20, 64, 128, 3)
    seen = []
    with AnomalyDetector(tiny_package, "onnxruntime") as detector:
        detect = detector.detect
        monkeypatch.setattr(detector, "detect", lambda image: seen.append(hash(image.tobytes())) or detect(image))
        time_detector(detector, DatasetSource(many), 30)
    timed = seen[10:]
    assert len(set(timed[:20])) == 20
    assert timed[20:] == timed[:10]


def test_the_video_has_every_frame_dropped_ones_too(street, choice, tmp_path):
    with AnomalyDetector(choice.model, choice.runtime) as detector, OverlayVideo(tmp_path, threshold=0.5) as video:
        for index, detected in enumerate(replay_offline(DatasetSource(street), detector)):
            video.add(DetectedFrame(detected.sample, None) if index == 2 else detected)
    reader = cv2.VideoCapture(str(video.path))
    pictures = []
    while (frame := reader.read())[0]:
        pictures.append(frame[1])
    assert len(pictures) == len(street)
    assert pictures[0].shape == street[0].image.shape
    assert np.abs(pictures[2].astype(int) - street[2].image).mean() < 10  # only what the encoder lost


@pytest.mark.parametrize("can_encode", [True, False])
def test_the_video_goes_to_a_folder_whose_name_is_not_utf_8(street, tmp_path, monkeypatch, can_encode):
    folder = tmp_path / os.fsdecode(b"run \xff\xfe")
    folder.mkdir()
    if not can_encode:
        monkeypatch.setattr(cv2.VideoWriter, "fourcc", lambda *letters: 0)
    with OverlayVideo(folder, threshold=0.5) as video:
        for sample in street:
            video.add(DetectedFrame(sample, None))
    assert video.path == folder / ("overlay.mp4" if can_encode else "overlay.webp")
    if can_encode:
        assert video.path.read_bytes()[4:8] == b"ftyp"
    else:
        with Image.open(io.BytesIO(video.path.read_bytes())) as animation:
            assert animation.n_frames == len(street)
            assert np.abs(np.asarray(animation.convert("RGB"))[..., ::-1].astype(int) - street[0].image).mean() < 10


def test_a_video_that_cannot_be_written_is_an_error_that_names_it(street, tmp_path):
    with pytest.raises(ReplayError, match=r"overlay\.mp4: the video cannot be written"):
        with OverlayVideo(tmp_path / "gone", threshold=0.5) as video:
            video.add(DetectedFrame(street[0], None))


def test_the_best_model_comes_first_and_one_without_metrics_last(street, choice, no_stages):
    result = run_offline(DatasetSource(street), choice, no_stages)
    good = result_to_json(result)
    bad = {**good, "metrics": {"AP": 0.0, "FPR95": 1.0, "AUROC": 0.5}, "latency_ms": {}}
    unknown = {**good, "metrics": dict.fromkeys(("AP", "FPR95", "AUROC"))}
    lines = ranking_table([("unknown", unknown), ("bad", bad), ("good", good)]).splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["good", "bad", "unknown"]


def test_a_frame_shows_no_pixels_when_it_is_printed():
    console = Console(width=80)
    with console.capture() as printed:
        console.print(repr(PlayFrame(0, "a", b"\0" * 1000)))
    assert len(printed.get()) < 200
