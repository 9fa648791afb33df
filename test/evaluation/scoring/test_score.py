from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, jaccard_score
from support.scored_frames import scored_frames

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.report.report_json import result_to_json
from fishy_ros.evaluation.scoring.evaluate import score_components, score_frames
from fishy_ros.evaluation.scoring.score import ScoredFrame, Scorer, prepare_frame
from fishy_ros.evaluation.scoring.summary import ScoreSummary
from fishy_ros.metrics.component import TRACKS


def score_all(frames) -> Scorer:
    scorer = Scorer()
    for frame in frames:
        scorer.add(prepare_frame(frame))
    return scorer


def numbers(summary: ScoreSummary) -> dict[str, object]:
    """Everything that a report states of a summary, as JSON values."""
    from fishy_ros.evaluation.environment import describe_environment
    from fishy_ros.evaluation.result import FrameCounts, ReplayResult, SourceDescription

    result = ReplayResult("maps", SourceDescription("maps", "x"), FrameCounts(0, 0, 0), describe_environment(), summary)
    report = result_to_json(result)
    return {"metrics": report["metrics"], "score": report["score"]}


def test_pooled_metrics_equal_scikit_learn_on_all_pixels_at_once():
    frames = scored_frames(5)
    labels = np.concatenate([frame.labels.ravel() for frame in frames])
    scores = np.concatenate([frame.score.ravel() for frame in frames])

    summary = score_all(frames).compute()

    assert summary.pixel.ap == pytest.approx(average_precision_score(labels[labels < 2], scores[labels < 2]), abs=1e-9)
    assert [frame.id for frame in summary.frames] == [frame.id for frame in frames]
    assert summary.per_image.images == 5


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_set_split_over_workers_gives_bit_identical_numbers(order):
    frames = scored_frames(9)
    whole = score_all(frames).compute()
    parts = [score_all(frames[index::3]) for index in range(3)]
    merged = Scorer()
    for index in order:
        merged.merge(parts[index])

    assert numbers(merged.compute()) == numbers(whole)


def test_threads_change_nothing():
    frames = scored_frames(7)
    done = []

    summary = score_frames(lambda: frames, progress=done.append)

    assert numbers(summary) == numbers(score_all(frames).compute())
    assert done == list(range(1, 8))


def test_components_use_the_threshold_of_the_best_f1():
    frames = scored_frames(4, skill=9)

    summary = score_frames(lambda: frames, TRACKS["obstacle"])

    assert summary.component.threshold == summary.pixel.best_f1_threshold
    assert summary.component.true_components >= 4
    assert summary.component.f1 > 0.5


def test_small_heatmaps_are_resized_to_the_labels():
    frame = scored_frames(1)[0]
    small = np.ascontiguousarray(frame.score[::2, ::2])

    large = cv2.resize(small, (90, 60), interpolation=cv2.INTER_LINEAR)
    ours, resized = (score_all([replace(frame, score=score)]).compute().frames for score in (small, large))

    assert ours == resized


def test_a_frame_that_comes_twice_is_scored_once_with_a_warning():
    frames = scored_frames(2)

    summary = score_all([*frames, frames[0]]).compute()

    assert numbers(summary) == numbers(score_all(frames).compute())
    assert summary.warnings == ("frame 00: came twice; only the first one was scored",)


def test_merging_a_frame_that_is_already_there_is_an_error():
    frames = scored_frames(2)

    with pytest.raises(ScoreError, match="frame 01"):
        score_all(frames).merge(score_all(frames[1:]))


def test_unexpected_labels_are_ignored_with_a_warning_that_names_the_frame():
    frame = scored_frames(1)[0]
    labels = frame.labels.copy()
    labels[20, :5] = 7
    ignored = np.where(labels == 7, np.uint8(255), labels)

    summary = score_all([ScoredFrame("a", frame.score, labels)]).compute()

    assert numbers(summary) == numbers(score_all([ScoredFrame("a", frame.score, ignored)]).compute())
    assert summary.warnings == ("a: labels (7,) are neither 0, 1 nor 255: ignored",)


def test_a_set_without_anomalies_has_no_ap_but_a_warning():
    frame = scored_frames(1)[0]

    summary = score_all([ScoredFrame("a", frame.score, np.zeros((60, 90), np.uint8))]).compute()

    assert summary.pixel is None
    assert "0 anomalous and 5400 normal pixels" in summary.warnings[0]


def test_frames_without_labels_are_counted_and_shown():
    frame = scored_frames(1)[0]

    summary = score_all([ScoredFrame("a", frame.score, None, frame.image)]).compute()

    assert (summary.unlabelled, summary.frames) == (1, ())
    assert summary.gallery.worst[0].frame == "a"


def test_classes_give_segmentation_and_misclassification_metrics():
    frame = scored_frames(1)[0]
    truth = np.where(frame.labels == 1, np.uint8(13), np.uint8(0))
    predicted = np.zeros_like(truth)
    with_classes = ScoredFrame("a", frame.score, frame.labels, None, predicted, truth)

    summary = score_all([with_classes]).compute()

    assert summary.segmentation.miou == pytest.approx(np.mean(truth == 0) / 2)
    assert summary.misclassification.wrong == np.sum(truth == 13)


@pytest.mark.parametrize(
    ("score", "labels", "message"),
    [
        (np.zeros((2, 3, 1), np.float32), np.zeros((2, 3), np.uint8), "a: the score map is float32"),
        (np.zeros((2, 3)), np.zeros((2, 3), np.uint8), "a: the score map is float64"),
        (np.zeros((2, 3), np.float32), np.zeros((2, 3), int), "a: the labels are int64"),
        (np.full((2, 3), np.nan, np.float32), np.zeros((2, 3), np.uint8), "a: 6 evaluated scores are NaN"),
    ],
)
def test_what_cannot_be_scored_is_an_error_that_names_the_frame(score, labels, message):
    with pytest.raises(ScoreError, match=message):
        prepare_frame(ScoredFrame("a", score, labels))


def frames_with_classes(count):
    rng = np.random.default_rng(4)
    for frame in scored_frames(count):
        true = rng.choice(np.uint8([0, 1, 13, 255]), frame.labels.shape)
        predicted = np.where(rng.random(true.shape) < 0.8, true, np.uint8(1))
        yield replace(frame, predicted_classes=np.where(predicted == 255, np.uint8(0), predicted), true_classes=true)


def test_segmentation_of_merged_parts_is_that_of_the_whole_and_of_scikit_learn():
    frames = list(frames_with_classes(4))
    merged = Scorer()
    for part in (frames[:1], frames[1:]):
        merged.merge(score_all(part))

    summary = merged.compute()

    true = np.concatenate([frame.true_classes.ravel() for frame in frames])
    predicted = np.concatenate([frame.predicted_classes.ravel() for frame in frames])
    expected = jaccard_score(true[true != 255], predicted[true != 255], average="macro")
    assert summary.segmentation.miou == pytest.approx(expected)
    assert numbers(summary) == numbers(score_all(frames).compute())


def test_bins_keep_the_names_of_their_frames():
    frames = scored_frames(3)
    assert score_all(frames).compute().frame_bins.frames == tuple(frame.id for frame in frames)


def test_components_of_a_frame_that_comes_twice_are_counted_once():
    frames = scored_frames(2, skill=9)
    once = score_components(frames, 0.5, TRACKS["obstacle"])
    assert once.true_components > 0
    assert score_components([*frames, frames[0]], 0.5, TRACKS["obstacle"]) == once
