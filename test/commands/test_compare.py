"""What `fishy compare` says of reports that look alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import fishy
from support.scored_frames import save_report, scored_frames

from fishy_ros.evaluation.environment import describe_environment
from fishy_ros.evaluation.result import FrameCounts, ReplayResult, SourceDescription
from fishy_ros.evaluation.scoring.consistency import ConsistencyScores
from fishy_ros.evaluation.scoring.evaluate import score_frames


def write(folder: Path, mode: str, sha256: str, drive: int = 0, skill: float = 2.0, change: float = 0.0) -> Path:
    """Write what a comparison reads of a report of six frames; their labels depend on the drive alone."""
    frames = scored_frames(6, drive, skill)
    for frame in frames:
        frame.labels[-1, :drive] = 255
    result = ReplayResult(
        mode,
        SourceDescription("bag", "drive", sha256 * 64),
        FrameCounts(6, 6, 0),
        describe_environment(),
        score_frames(lambda: frames),
        consistency=ConsistencyScores(change, change, 100),
    )
    return save_report(result, folder)


@pytest.mark.parametrize(
    ("mode", "sha256", "drive", "is_paired"),
    [
        pytest.param("offline", "a", 0, True, id="the same drive"),
        pytest.param("offline", "b", 1, False, id="two drives whose frames have the same numbers"),
        pytest.param("maps", "b", 0, True, id="maps of two methods, whose hashes cover the scores"),
        pytest.param("maps", "b", 1, False, id="maps of two sets whose frames have the same names"),
    ],
)
def test_only_frames_of_the_same_input_are_paired(tmp_path, mode, sha256, drive, is_paired):
    a = write(tmp_path / "a", mode, "a")
    b = write(tmp_path / "b", mode, sha256, drive, skill=2.5)

    done = fishy("compare", a, b)

    assert ("over 6 frames, the same ones for A and B" in done.stdout) == is_paired
    assert ("the reports scored different frames" in done.stdout) != is_paired


def test_small_changes_of_the_score_are_not_rounded_away(tmp_path):
    a, b = (write(tmp_path / name, "offline", "a", change=change) for name, change in (("a", 0.0121), ("b", 0.0089)))

    (line,) = (line for line in fishy("compare", a, b).stdout.splitlines() if line.startswith("change of the score"))

    assert line.split()[-3:] == ["0.0121", "0.0089", "-0.0032"]
