import json
import os

import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from support.command_line import fishy
from support.scored_frames import save_maps, scored_frames

from fishy_ros.errors import ScoreError


def test_score_prints_the_table_and_writes_the_official_numbers(tmp_path):
    frames = scored_frames(6)
    scores, labels = save_maps(frames, tmp_path)

    done = fishy("score", "--scores", scores, "--labels", labels, "--out", tmp_path / "out")

    truth = [label for frame in frames for label in frame.labels.ravel().tolist()]
    values = [value for frame in frames for value in frame.score.ravel().tolist()]
    truth, values = zip(*((label, value) for label, value in zip(truth, values, strict=True) if label < 2), strict=True)
    fpr, tpr, _ = roc_curve(truth, values, drop_intermediate=False)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["metrics"]["AP"] == pytest.approx(average_precision_score(truth, values), abs=1e-6)
    assert report["metrics"]["AUROC"] == pytest.approx(roc_auc_score(truth, values), abs=1e-6)
    assert report["metrics"]["FPR95"] == pytest.approx(min(fpr[tpr >= 0.95]), abs=1e-6)
    assert report["frames"] == {"played": 6, "published": 6, "dropped": 0}
    assert (tmp_path / "out/report.html").is_file()
    assert done.stdout.splitlines()[0].split()[:2] == ["AP", f"{100 * report['metrics']['AP']:.2f}"]
    assert "6 played, 6 published, 0 dropped" in done.stdout


def test_components_and_images_are_optional_extras(tmp_path):
    scores, labels = save_maps(scored_frames(3), tmp_path)

    done = fishy(
        "score", "--scores", scores, "--labels", labels, "--images", labels,
        "--components", "obstacle", "--out", tmp_path / "out",
    )  # fmt: skip

    assert "F1* / sIoU / PPV" in done.stdout
    assert (tmp_path / "out/pictures/best-1-overlay.jpg").is_file()


def test_nan_names_the_frame(tmp_path):
    frames = scored_frames(2)
    frames[1].score[30] = float("nan")
    scores, labels = save_maps(frames, tmp_path)

    with pytest.raises(ScoreError, match="frame 01: 90 evaluated scores are NaN"):
        fishy("score", "--scores", scores, "--labels", labels)


def test_a_missing_map_is_counted_as_dropped_with_a_warning(tmp_path):
    scores, labels = save_maps(scored_frames(3), tmp_path)
    (scores / "frame 02.npy").unlink()

    done = fishy("score", "--scores", scores, "--labels", labels)

    assert "warning: 1 label files have no score map, the first is frame 02" in done.stdout
    assert "3 played, 2 published, 1 dropped" in done.stdout


def test_a_hostile_file_name_is_scored_and_does_not_command_the_terminal(tmp_path):
    scores, labels = save_maps(scored_frames(3), tmp_path)
    for number, name in enumerate((b"a\xff\x1b]0;pwned\x07", b"b\xc2\x9b2J", b"c\x1b[2J")):
        for folder, suffix in ((scores, ".npy"), (labels, ".png")):
            (folder / f"frame 0{number}{suffix}").rename(folder / f"{os.fsdecode(name)}{suffix}")
    (labels / "d\x1b]0;pwned\x07.png").write_bytes((labels / "c\x1b[2J.png").read_bytes())

    done = fishy("score", "--scores", scores, "--labels", labels, "--out", tmp_path / "out")

    assert "no score map, the first is d?]0;pwned?" in done.stdout
    assert not {"\x1b", "\x07", "\x9b"} & set(done.stdout)
    assert (tmp_path / "out" / "report.html").exists()
    compared = fishy("compare", tmp_path / "out", tmp_path / "out")
    assert not {"\x1b", "\x07", "\x9b"} & set(compared.stdout)


def test_compare_tells_a_better_method_from_a_worse_one(tmp_path):
    for name, skill in (("worse", 1.0), ("better", 4.0)):
        scores, labels = save_maps(scored_frames(15, skill=skill), tmp_path / name)
        fishy("score", "--scores", scores, "--labels", labels, "--out", tmp_path / name / "out")

    done = fishy(
        "compare", tmp_path / "worse/out", tmp_path / "better/out/report.json", "--out", tmp_path / "comparison"
    )

    comparison = json.loads((tmp_path / "comparison/comparison.json").read_text())
    ap = next(metric for metric in comparison["metrics"] if metric["name"] == "AP")
    assert comparison["paired_frames"] == 15
    assert ap["difference_interval"]["low"] > 0
    assert ap["b_larger"] == 1
    assert ap["a_interval"]["low"] < ap["a"] < ap["a_interval"]["high"] < ap["b"]
    assert "95 % bootstrap intervals over 15 frames" in done.stdout
    assert (tmp_path / "comparison/comparison.png").read_bytes().startswith(b"\x89PNG")


def test_compare_without_counts_of_frames_has_no_intervals_and_says_so(tmp_path):
    scores, labels = save_maps(scored_frames(4), tmp_path)
    for name in ("a", "b"):
        fishy("score", "--scores", scores, "--labels", labels, "--out", tmp_path / name)
    (tmp_path / "b/frames.npz").unlink()

    done = fishy("compare", tmp_path / "a", tmp_path / "b")

    assert "b/report.json: no intervals" in done.stdout
    assert "+0.00" in done.stdout


def test_an_unknown_track_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ScoreError, match="component track 'road'"):
        fishy("score", "--scores", tmp_path / "no", "--labels", tmp_path / "no", "--components", "road")
