"""Run the fault injection tests and quote what they measured in docs/safety.md.

Without arguments the tests run, and docs/results/faults.json is written before the page; `--quote` only rewrites the
page from the file; `--check` only tells whether the page is up to date.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from quoting import between, markdown_table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "safety.md"
RESULTS = ROOT / "docs" / "results" / "faults.json"
SOAK = ROOT / "docs" / "results" / "soak.json"
TESTS = ("test/faults", "test/node/test_drift.py")
COMMAND = ("python", "docs/fault_results.py")


def main() -> int:
    """Measure and quote; the exit status is that of the tests, or 1 where `--check` finds the page out of date."""
    status = 0
    if not {"--quote", "--check"} & set(sys.argv[1:]):
        status = measure()
    text = PAGE.read_text(encoding="utf-8")
    quoted = between(text, "measured", quote(_read(RESULTS)["faults"], _read(SOAK)["soak"]))
    if "--check" in sys.argv[1:]:
        return int(quoted != text)
    PAGE.write_text(quoted, encoding="utf-8")
    return status


def measure() -> int:
    """Run the tests of faults and write what they recorded; returns their exit status."""
    sys.path.insert(0, str(ROOT))
    from fishy_ros.evaluation.environment import describe_environment

    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", *TESTS, "-q", f"--junitxml={report}"]
        status = subprocess.run(command, cwd=ROOT).returncode
        root = ElementTree.parse(report).getroot()
    suite = next(root.iter("testsuite"))
    content = {
        "environment": asdict(describe_environment(COMMAND)),
        "tests": {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")},
        "seconds": float(suite.get("time", "nan")),
        "cases": list(_recorded(root, "fault")),
        "drift": list(_recorded(root, "drift")),
        "overload": list(_recorded(root, "overload")),
    }
    RESULTS.write_text(json.dumps({"faults": content}, indent=1) + "\n", encoding="utf-8")
    return status


def quote(faults: dict[str, Any], soak: dict[str, Any]) -> str:
    """Lay out the cases, the drift, the overload and the soak as Markdown."""
    header = ("fault", "what the node does", "time to react", "time to recover", "frames lost", "published wrongly")
    rows = [
        (
            f"{case['family']}: {case['fault']}",
            case["expected"],
            "" if case["react_s"] is None else f"{case['react_s']:.2f} s",
            f"{case['recover_s']:.2f} s",
            f"{case['frames_lost']} of {case['frames_sent']}",
            str(len(case["wrong"])),
        )
        for case in faults["cases"]
    ]
    wrong = sum(len(case["wrong"]) for case in faults["cases"])
    tests = faults["tests"]
    return "\n".join(
        (
            f"{len(rows)} faults, {wrong} wrong publications; {tests['tests']} tests, "
            f"{tests['failures'] + tests['errors']} failed. {_machine('faults.json', faults['environment'])}",
            "",
            markdown_table(header, rows),
            "",
            *_drift(faults["drift"]),
            "",
            *_overload(faults["overload"]),
            "",
            *_soak(soak),
        )
    )


def _drift(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "Drift, at 10 Hz: from the first corrupted image to its warning, from the first good one to the end of it."
    yield ""
    header = ("images", "model", "corrupted", "time to warn", "time to end")
    yield markdown_table(
        header,
        [
            (
                *(row[name] for name in ("pictures", "model", "condition")),
                f"{row['warn_s']:.2f} s",
                f"{row['end_s']:.2f} s",
            )
            for row in rows
        ],
    )


def _overload(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "Overload: the sustainable rate is 0.8 frames in the median time of one frame, played one after the other."
    yield ""
    header = (
        "rate",
        "sent",
        "published",
        "dropped",
        "dropped, by the node",
        "frame",
        "age p50",
        "age p99",
        "p99 / frame",
    )
    yield markdown_table(
        header,
        [
            (
                f"{row['factor']} x, {row['rate_hz']:.0f} Hz",
                *(str(row[name]) for name in ("sent", "published", "dropped", "node_dropped")),
                *(f"{row[name]:.1f} ms" for name in ("frame_ms", "age_p50_ms", "age_p99_ms")),
                f"{row['age_p99_ms'] / row['frame_ms']:.1f}",
            )
            for row in rows
        ],
    )


def _soak(soak: dict[str, Any]) -> Iterator[str]:
    samples, growth = soak["samples"], soak["growth_per_hour"]
    recoveries = sorted(outcome["recover_s"] for outcome in soak["faults"] if outcome["recover_s"] is not None)
    settled = [sample for sample in samples if sample["at_s"] >= min(600.0, 0.5 * soak["seconds"])]
    medians = sorted(sample["round_trip_ms"] for sample in settled if sample["round_trip_ms"] is not None)
    yield f"Soak: {soak['seconds'] / 60:.0f} minutes at {soak['rate_hz']:g} Hz, {len(soak['faults'])} random faults."
    yield f"{_machine('soak.json', soak['environment'])} Over time: [soak.png](results/soak.png)."
    yield ""
    rows = [
        ("frames sent, published, published wrongly", f"{soak['sent']}, {soak['published']}, {len(soak['wrong'])}"),
        ("time to recover, median and largest", f"{recoveries[len(recoveries) // 2]:.2f} s, {recoveries[-1]:.2f} s"),
        ("resident memory after the warm-up", f"{_span(settled, 'rss_bytes', 2**20)} MiB"),
        ("of it shared with other processes", f"{_span(settled, 'shared_bytes', 2**20)} MiB"),
        ("growth of the resident memory", "too short to say" if growth is None else f"{100 * growth:+.2f} % an hour"),
        ("threads, file descriptors", f"{_span(settled, 'threads')}, {_span(settled, 'descriptors')}"),
        ("sent to heard, median", f"{medians[len(medians) // 2]:.1f} ms"),
        ("promises broken", "; ".join(soak["breaches"]) or "none"),
    ]
    yield markdown_table(("soak", "measured"), rows)


def _span(samples: list[dict[str, Any]], name: str, unit: int = 1) -> str:
    values = [sample[name] / unit for sample in samples]
    return f"{min(values):.0f} to {max(values):.0f}"


def _machine(name: str, environment: dict[str, Any]) -> str:
    return (
        f"From [{name}](results/{name}), {environment['cpu']}, {environment['cores']} cores, "
        f"Python {environment['python']}: `{environment['command']}`."
    )


def _recorded(root: ElementTree.Element, name: str) -> Iterator[Any]:
    for recorded in root.iter("property"):
        if recorded.get("name") == name:
            yield json.loads(recorded.get("value", "null"))


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
