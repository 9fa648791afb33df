import json
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from support.scored_frames import scored_frames
from support.sources import ROOT

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.environment import describe_environment
from fishy_ros.evaluation.report.compare import read_report
from fishy_ros.evaluation.report.report import write_report
from fishy_ros.evaluation.report.report_json import load_report, load_schema
from fishy_ros.evaluation.result import (
    FrameCounts,
    FrameLatency,
    ModelDescription,
    ReplayResult,
    SourceDescription,
)
from fishy_ros.evaluation.scoring.evaluate import score_frames
from fishy_ros.evaluation.scoring.score import ScoredFrame
from fishy_ros.metrics.component import TRACKS
from fishy_ros.runtimes.base import RuntimeInfo

EVIL = "<script>alert('1')</script>&\"'"


def full_result(frames=None) -> ReplayResult:
    frames = scored_frames(12) if frames is None else frames
    rng = np.random.default_rng(0)
    stages = [{"decode": 1 + rng.random(), "inference": 20 + rng.random(), "total": 22 + rng.random()} for _ in frames]
    return ReplayResult(
        mode="live",
        source=SourceDescription("bag", "street.mcap", "0" * 64),
        frames=FrameCounts(len(frames) + 1, len(frames), 1),
        environment=describe_environment(["fishy", "replay", "--bag", "a b.mcap"]),
        score=score_frames(lambda: frames, TRACKS["obstacle"]),
        latencies=tuple(FrameLatency(frame.id, stage) for frame, stage in zip(frames, stages, strict=True)),
        model=ModelDescription("net", "1.2.0", "f" * 64, "A network.", "Apache-2.0", "a share", 0.5),
        runtime=RuntimeInfo("onnxruntime", "cpu", "1.20", "2 threads"),
        warnings=("one frame was late",),
        extra={"peak_hz": 31.5, "odd": float("inf")},
    )


def bare_result() -> ReplayResult:
    return ReplayResult("live", SourceDescription("bag", "x"), FrameCounts(3, 0, 3), describe_environment())


def unlabelled_result() -> ReplayResult:
    frames = [ScoredFrame(frame.id, frame.score, None, frame.image) for frame in scored_frames(2)]
    return replace(bare_result(), score=score_frames(lambda: frames))


RESULTS = {"full": full_result, "bare": bare_result, "unlabelled": unlabelled_result}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Every kind of result, and the folder in which its report lies."""
    reports = {}
    for name, make in RESULTS.items():
        result, folder = make(), tmp_path_factory.mktemp(name)
        write_report(result, folder)
        reports[name] = result, folder
    return reports


class PageChecker(HTMLParser):
    """Collects tags and addresses, and holds that every element is closed in order."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(text: str) -> PageChecker:
    checker = PageChecker()
    checker.feed(text)
    assert checker.open == []
    return checker


@pytest.mark.parametrize("kind", RESULTS)
def test_report_json_fits_its_schema(kind, written):
    report = json.loads((written[kind][1] / "report.json").read_text())

    jsonschema.Draft202012Validator.check_schema(load_schema())
    jsonschema.validate(report, load_schema())


def test_report_json_holds_what_was_measured(written):
    result, folder = written["full"]

    report = load_report(folder / "report.json")

    assert report["metrics"]["AP"] == result.score.pixel.ap
    assert report["metrics"]["FPR95"] == result.score.pixel.fpr95
    assert report["metrics"]["AUROC"] == result.score.pixel.auroc
    assert report["frames"] == {"played": 13, "published": 12, "dropped": 1}
    totals = [latency.stages_ms["total"] for latency in result.latencies]
    assert report["latency_ms"]["total"]["p95"] == pytest.approx(np.percentile(totals, 95))
    assert report["latency_ms"]["total"]["max"] == max(totals)
    assert (report["model"]["name"], report["runtime"]["name"]) == ("net", "onnxruntime")
    assert report["input_sha256"] == "0" * 64
    assert report["command"] == "fishy replay --bag 'a b.mcap'"
    assert report["host"]["cpu"]
    assert report["versions"]["numpy"] == np.__version__
    assert report["extra"] == {"peak_hz": 31.5, "odd": None}
    low, high = report["intervals95"]["AP"]
    assert low < report["metrics"]["AP"] < high


@pytest.mark.parametrize("kind", RESULTS)
def test_the_page_is_whole_and_needs_no_other_file(kind, written):
    page = check_page((written[kind][1] / "report.html").read_text())

    assert all(source.startswith("data:image/") for source in page.sources)
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_the_page_shows_every_section(tmp_path):
    write_report(full_result(), tmp_path)
    text = (tmp_path / "report.html").read_text()

    for heading in (
        "Result",
        "Curves",
        "Scores, sizes and distances",
        "Other protocols",
        "Latency",
        "Frames",
        "Made by",
    ):
        assert f"<h2>{heading}</h2>" in text
    for word in ("best", "median", "worst"):
        assert f"<b>{word}</b>" in text
    assert "one frame was late" in text
    assert len(check_page(text).sources) == 6 + 9 * 4


def test_text_from_outside_is_escaped(tmp_path):
    frames = [ScoredFrame(frame.id + EVIL, frame.score, frame.labels, frame.image) for frame in scored_frames(3)]
    result = replace(
        full_result(frames),
        source=SourceDescription("bag", EVIL),
        environment=describe_environment(["fishy", EVIL]),
        model=ModelDescription(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL),
        runtime=RuntimeInfo(EVIL, EVIL, EVIL, EVIL),
        warnings=(EVIL,),
    )
    write_report(result, tmp_path)
    text = (tmp_path / "report.html").read_text()

    assert "script" not in check_page(text).tags
    assert EVIL not in text
    assert json.loads((tmp_path / "report.json").read_text())["source"]["name"] == EVIL


def test_pictures_lie_beside_the_page(written):
    pictures = written["full"][1] / "pictures"
    names = {path.name for path in pictures.iterdir()}

    assert {"curves.png", "scores.png", "latency.png", "timeline.png", "best-1-overlay.jpg"} <= names
    assert (pictures / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_but_the_report_is_left_in_the_folder(written, tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    write_report(written["bare"][0], tmp_path)
    write_report(written["full"][0], tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {
        "mine.txt", "report.json", "report.html", "frames.npz", "pictures",
    }  # fmt: skip


def test_files_of_an_earlier_report_do_not_stand_beside_a_new_one(written, tmp_path):
    write_report(written["full"][0], tmp_path)
    for name in ("overlay.mp4", "overlay.webp", "detector.log"):
        (tmp_path / name).write_text("of the run before")
    write_report(written["unlabelled"][0], tmp_path)

    fresh = written["unlabelled"][1]
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*")} == {
        path.relative_to(fresh) for path in fresh.rglob("*")
    }
    assert read_report(tmp_path).bins is None


def test_a_full_disk_leaves_the_earlier_report_alone(written, tmp_path):
    """The kernel refuses writes past a file size limit just as a full disk does."""
    write_report(written["bare"][0], tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    script = f"""
    import sys
    from pathlib import Path
    from support.full_disk import full_disk
    from test_report import full_result
    from fishy_ros.errors import ScoreError
    from fishy_ros.evaluation.report.report import write_report
    result = full_result()
    try:
        with full_disk(20_000):
            write_report(result, Path({str(tmp_path / "out")!r}))
    except ScoreError as error:
        sys.exit(f"refused: {{error}}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={"PYTHONPATH": ":".join(path for path in [*sys.path, *_test_folders()] if path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert re.search(r"refused: .*the report cannot be written: File too large", done.stderr), done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()} == before


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ScoreError, match="file/out: the report cannot be written"):
        write_report(bare_result(), tmp_path / "file" / "out")


def test_reports_of_another_schema_are_refused(tmp_path):
    path = tmp_path / "report.json"
    for text in ("{", "[]", '{"schema_version": 99}'):
        path.write_text(text)
        with pytest.raises(ScoreError, match=r"report\.json"):
            load_report(path)


def _test_folders() -> list[str]:
    return [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2])]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "results").glob("replay_*.json")), ids=lambda path: path.stem)
def test_committed_reports_are_accepted_even_with_fields_of_later_versions(path, tmp_path):
    report = json.loads(path.read_text())
    report["later"] = report["metrics"]["later"] = report["frames"]["later"] = 1
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert load_report(tmp_path / "report.json") == report


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda report: report["metrics"].update(AP="high"), r"`\$\.metrics\.AP`: 'high' is not of type"),
        (lambda report: report["metrics"].update(AP=1.5), r"`\$\.metrics\.AP`: 1\.5 is greater than the maximum"),
        (lambda report: report["frames"].clear(), r"`\$\.frames`: '\w+' is a required property"),
        (lambda report: report.update(versions=[]), r"`\$\.versions`: \[\] is not of type 'object'"),
    ],
)
def test_a_report_that_contradicts_the_schema_is_refused_with_the_place(change, words, tmp_path):
    report = json.loads((ROOT / "docs/results/replay_road_anomaly21_dev.json").read_text())
    change(report)
    (tmp_path / "report.json").write_text(json.dumps(report))
    with pytest.raises(ScoreError, match=words):
        load_report(tmp_path / "report.json")
