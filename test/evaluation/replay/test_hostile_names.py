"""What a bag, a file name or a report may call things: escaped on the page, harmless in plots and in the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.scored_frames import scored_frames

from fishy_ros.bags import BagWriter
from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.environment import describe_environment
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.evaluation.replay.run_offline import run_offline
from fishy_ros.evaluation.report.compare import compare_reports, read_report
from fishy_ros.evaluation.report.compare_output import comparison_table, draw_comparison
from fishy_ros.evaluation.report.report import write_report
from fishy_ros.evaluation.result import FrameCounts, ModelDescription, ReplayResult, SourceDescription
from fishy_ros.evaluation.scoring.evaluate import score_frames
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.types import Sample

HOSTILE = "<img src=x onerror=alert(1)>&\"'`{{7*7}}{% raw %} $\\frac{ \x1b]0;pwned\x07"
IN_A_FILE_NAME = HOSTILE.replace("/", "").replace("\x1b", "").replace("\x07", "")
COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "results" / "replay_road_anomaly21_dev.json"


class Elements(HTMLParser):
    """Collects elements with their attributes, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.text += data


def read_page(folder: Path) -> Elements:
    page = Elements()
    page.feed((folder / "report.html").read_text())
    return page


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory) -> Path:
    """A folder with the report of a run in which everything has a hostile name."""
    folder = tmp_path_factory.mktemp("report")
    frames = [replace(frame, id=f"{HOSTILE}{number}") for number, frame in enumerate(scored_frames(4))]
    result = ReplayResult(
        "maps",
        SourceDescription("maps", HOSTILE),
        FrameCounts(4, 4, 0),
        describe_environment(["fishy", HOSTILE]),
        score_frames(lambda: frames),
        model=ModelDescription(HOSTILE, HOSTILE, "f" * 64, HOSTILE, HOSTILE, HOSTILE, 0.5),
        warnings=(HOSTILE,),
    )
    write_report(result, folder)
    return folder


def test_no_name_becomes_an_element_or_an_attribute_of_the_page(hostile_report):
    page = read_page(hostile_report)
    assert "onerror" not in page.attributes
    assert "script" not in page.tags
    shown = HOSTILE.replace("\r", "\n")
    assert page.text.count(shown) >= 6
    assert "49" not in page.text.replace(shown, "").split()


def test_the_pictures_of_a_report_lie_in_its_folder_whatever_the_frames_are_called(tmp_path):
    frames = [replace(frame, id=f"../../../{number}\0/x") for number, frame in enumerate(scored_frames(3))]
    result = ReplayResult(
        "maps",
        SourceDescription("maps", "x"),
        FrameCounts(3, 3, 0),
        describe_environment(),
        score_frames(lambda: frames),
    )
    write_report(result, tmp_path / "a" / "b" / "report")
    outside = {path for path in tmp_path.rglob("*") if path.is_file() and (tmp_path / "a/b/report") not in path.parents}
    assert not outside
    assert list((tmp_path / "a/b/report/pictures").iterdir())


def test_a_bag_and_images_of_hostile_names_are_replayed_and_reported(tmp_path, tiny_package):
    bag = tmp_path / IN_A_FILE_NAME
    with BagWriter(bag, frame_id=HOSTILE) as writer:
        for number in range(2):
            labels = np.zeros((16, 16), np.uint8)
            labels[4:8, 4:8] = 1
            writer.write(Sample("a", np.full((16, 16, 3), 40 * number, np.uint8), labels), 10 + number)
    folder = tmp_path / "folder"
    (folder / "images").mkdir(parents=True)
    cv2.imwrite(str(folder / "images" / "a.png"), np.zeros((16, 16, 3), np.uint8))
    (folder / "images" / "a.png").rename(folder / "images" / f"{IN_A_FILE_NAME}.png")
    detector = DetectorChoice(str(tiny_package.folder), "onnxruntime", "cpu", threads=1)
    for name, source in (("bag", SourceChoice(bag=bag)), ("folder", SourceChoice(dataset="folder", root=folder))):
        result = run_offline(source.open(), detector, lambda stage, steps: lambda done: None)
        write_report(result, tmp_path / f"out-{name}")
        page = read_page(tmp_path / f"out-{name}")
        assert "onerror" not in page.attributes
        assert IN_A_FILE_NAME in page.text


def test_a_comparison_draws_hostile_names_and_keeps_them_out_of_the_terminal(hostile_report):
    report = read_report(hostile_report)
    comparison = compare_reports(report, report)
    assert draw_comparison(comparison).startswith(b"\x89PNG")
    assert "\x1b" not in comparison_table(comparison)


def test_an_error_keeps_control_characters_out_of_the_terminal(tmp_path):
    command = [sys.executable, "-m", "fishy_ros.commands.cli", "models", "\x1b]0;pwned\x07"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert "pwned" in done.stderr


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("metrics", "AP"), "high"),
        (("metrics", "AP"), 10**30),
        (("latency_ms",), []),
        (("latency_ms",), {"total": {"p50": "fast"}}),
        (("model",), {"name": 3, "version": "1"}),
        (("model",), "net"),
        (("host",), None),
        (("host", "cpu"), 7),
        (("score", "pixel", "curve", "recall"), 3),
        (("score", "pixel", "curve", "recall"), ["x"]),
        (("score", "pixel", "curve", "recall"), [0.5]),
        (("frames",), {}),
        (("extra",), []),
    ],
)
def test_a_report_with_a_field_of_another_kind_is_refused_by_name(tmp_path, place, value):
    path = tmp_path / "report.json"
    document = json.loads(COMMITTED.read_text())
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ScoreError, match=rf"report\.json: .*{place[0]}"):
        draw_comparison(compare_reports(read_report(path), read_report(path)))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"schema_version": NaN}', '{"schema_version": ' + "1" * 5000 + "}", "\ud800", '{"a":1e999']
)
def test_what_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "report.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ScoreError, match=r"report\.json"):
        read_report(tmp_path)
