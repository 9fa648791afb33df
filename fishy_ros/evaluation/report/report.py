"""Write a report: `report.json`, `report.html`, `frames.npz` and pictures, all or nothing."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.replay.run_files import RUN_FILES
from fishy_ros.evaluation.report.report_html import render_page
from fishy_ros.evaluation.report.report_json import result_to_json
from fishy_ros.evaluation.report.report_pictures import draw_pictures
from fishy_ros.evaluation.result import ReplayResult
from fishy_ros.evaluation.scoring.bootstrap import metric_intervals

JSON_FILE = "report.json"
HTML_FILE = "report.html"
BINS_FILE = "frames.npz"
PICTURES = "pictures"


def write_report(result: ReplayResult, out: Path, kept: Collection[str] = ()) -> Path:
    """Write the report of a result into a folder, which is made if need be.

    Everything is written beside its place first and moved there at the end, so that a full disk or an interruption
    leaves what was there before. What an earlier run left in `frames.npz`, `pictures/` and `RUN_FILES` goes.

    Args:
        result: what is reported.
        out: the folder.
        kept: those of `RUN_FILES` that this run has written already.

    Returns:
        The path of `report.json`.

    Raises:
        ScoreError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=out) as scratch:
            _write_files(result, Path(scratch))
            _move_into(Path(scratch), out, [name for name in RUN_FILES if name not in kept])
    except OSError as error:
        raise ScoreError(f"{out}: the report cannot be written: {error.strerror or error}") from error
    return out / JSON_FILE


def _write_files(result: ReplayResult, folder: Path) -> None:
    bins = result.score.frame_bins if result.score else None
    intervals = metric_intervals(bins) if bins else {}
    if bins and bins.frames:
        bins.save(folder / BINS_FILE)
    pictures = draw_pictures(result)
    (folder / PICTURES).mkdir()
    for name, content in pictures.files().items():
        (folder / PICTURES / name).write_bytes(content)
    (folder / HTML_FILE).write_text(render_page(result, pictures, intervals), "utf-8", "backslashreplace")
    text = json.dumps(result_to_json(result, intervals), indent=1, allow_nan=False)
    (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")


def _move_into(scratch: Path, out: Path, stale: Collection[str]) -> None:
    """Move every file to its place and delete those of an earlier run that have no successor.

    `report.json` comes last, so that it never speaks of files that are not there, or stands beside those of another.
    """
    (out / PICTURES).mkdir(exist_ok=True)
    files = [path.relative_to(scratch) for path in scratch.rglob("*") if path.is_file()]
    for path in (out / BINS_FILE, *(out / name for name in stale), *(out / PICTURES).iterdir()):
        if path.is_file() and path.relative_to(out) not in files:
            path.unlink()
    for path in sorted(files, key=lambda path: path.name == JSON_FILE):
        os.replace(scratch / path, out / path)
