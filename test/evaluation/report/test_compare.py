import pytest
from support.scored_frames import save_report, scored_frames

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.environment import describe_environment
from fishy_ros.evaluation.report.compare import compare_reports, read_report
from fishy_ros.evaluation.report.compare_output import comparison_table
from fishy_ros.evaluation.result import FrameCounts, ReplayResult, SourceDescription
from fishy_ros.evaluation.scoring.evaluate import score_frames


def report_of(frames, folder, source="x"):
    """Write what a comparison reads of a report, without its pictures and its page, and read it."""
    result = ReplayResult(
        "maps",
        SourceDescription("maps", source),
        FrameCounts(len(frames), len(frames), 0),
        describe_environment(),
        score_frames(lambda: frames),
    )
    return read_report(save_report(result, folder))


def test_a_report_compared_with_itself_shows_no_difference(tmp_path):
    report = report_of(scored_frames(8), tmp_path)

    comparison = compare_reports(report, report)

    for metric in comparison.metrics:
        assert metric.difference == 0
        assert (metric.difference_interval.low, metric.difference_interval.high) == (0, 0)
        assert metric.a_interval.low <= metric.a <= metric.a_interval.high
    assert comparison.notes == ()


def test_pairing_narrows_the_interval_of_the_difference(tmp_path):
    a = report_of(scored_frames(12, skill=2.0), tmp_path / "a")
    b = report_of(scored_frames(12, skill=2.3), tmp_path / "b")
    renamed = [
        frame.__class__(f"other {frame.id}", frame.score, frame.labels) for frame in scored_frames(12, skill=2.3)
    ]
    c = report_of(renamed, tmp_path / "c")

    paired, independent = (compare_reports(a, other).metrics[0].difference_interval for other in (b, c))

    assert paired.high - paired.low < 0.8 * (independent.high - independent.low)


def test_the_seed_makes_a_comparison_repeatable(tmp_path):
    a, b = (report_of(scored_frames(6, seed), tmp_path / str(seed)) for seed in (0, 1))

    assert compare_reports(a, b, 3) == compare_reports(a, b, 3)
    assert compare_reports(a, b, 3).metrics != compare_reports(a, b, 4).metrics


def test_what_differs_between_the_reports_is_told(tmp_path):
    a = report_of(scored_frames(3), tmp_path / "a")
    b = report_of(scored_frames(5), tmp_path / "b", source="other")

    text = comparison_table(compare_reports(a, b))

    assert "note: the sources differ" in text
    assert "note: the reports scored different frames" in text


def test_a_missing_report_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ScoreError, match=r"report\.json: cannot be read"):
        read_report(tmp_path)
