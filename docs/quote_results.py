"""Quote the committed results in README.md; with `--check` only tell whether it is up to date.

Between the two markers stand one table for all replay reports (`report.json`) in docs/results, then one table for each
file of `fishy bench` and `fishy bench precisions`, all with the command and the machine that made them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results"
BEGIN = "<!-- results: written by docs/quote_results.py -->"
END = "<!-- end of results -->"


def main() -> int:
    """Rewrite README.md, or with `--check` return 1 when it is out of date."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    results = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    quoted = f"{before}{BEGIN}\n{quote(results)}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        return int(quoted != text)
    README.write_text(quoted, encoding="utf-8")
    return 0


def quote(results: dict[str, Any]) -> str:
    """Lay out file name -> content of the results as Markdown."""
    replays = {name: content for name, content in results.items() if "metrics" in content and "frames" in content}
    benches = {name: content["bench"] for name, content in results.items() if "bench" in content}
    parts = [replay_table(replays)] if replays else []
    parts += [bench_table(name, bench) for name, bench in benches.items()]
    parts += [
        precision_table(name, content["precisions"]) for name, content in results.items() if "precisions" in content
    ]
    return "\n\n".join(parts) or "No result has been committed yet."


def replay_table(reports: dict[str, Any]) -> str:
    """Lay out one row a replay report; below, the command and the machine of each."""
    header = ("data", "model", "runtime", "AP %", "FPR95 %", "AUROC %", "played / dropped", "inference ms", "age ms")
    table = _table(header, [_replay_row(report) for report in reports.values()])
    notes = [
        _source(name, report["command"], report["host"]["cpu"], report["host"]["cores"], report["host"]["gpus"])
        for name, report in reports.items()
    ]
    caption = "Scores and latency of what was published; times are medians, the 99th percentile in brackets."
    return "\n".join((caption, "", table, "", *notes))


def bench_table(name: str, bench: dict[str, Any]) -> str:
    """Lay out the median of every stage of every case of a benchmark in ms, and the ratio to the first case."""
    compared = "total"
    stages = list(dict.fromkeys(stage for case in bench["cases"] for stage in case["stages_ms"]))
    rows = [
        (
            case["name"],
            *(f"{case['stages_ms'][stage]['median']:.2f}" if stage in case["stages_ms"] else "" for stage in stages),
            f"x {case['ratio_to_first'][compared]['median']:.2f}" if compared in case["ratio_to_first"] else "",
        )
        for case in bench["cases"]
    ]
    environment = bench["environment"]
    source = _source(name, environment["command"], environment["cpu"], environment["cores"], environment["gpus"])
    table = _table((bench["kind"], *stages, f"{compared} against the first"), rows)
    return "\n".join(("Medians in ms a frame.", "", table, "", source))


def precision_table(name: str, result: dict[str, Any]) -> str:
    """Lay out the quality of every precision of a model in percent."""
    header = ("precision", "MB", "AP %", "FPR95 %", "AUROC %", "mIoU %", "pixels of the same class %")
    rows = [
        (
            row["precision"],
            f"{row['graph_bytes'] / 1e6:.1f}",
            *(_percent(row[rate]) for rate in ("ap", "fpr95", "auroc", "miou", "same_class")),
        )
        for row in result["precisions"]
    ]
    environment = result["environment"]
    caption = f"Precisions of {result['model']} in {result['runtime']}, {result['frames']} frames."
    source = _source(name, environment["command"], environment["cpu"], environment["cores"], environment["gpus"])
    return "\n".join((caption, "", _table(header, rows), "", source))


def _replay_row(report: dict[str, Any]) -> tuple[str, ...]:
    metrics, frames = report["metrics"], report["frames"]
    model, runtime = report["model"] or {}, report["runtime"] or {}
    return (
        f"{Path(report['source']['name']).name}, {report['mode']}",
        f"{model.get('name', '')} {model.get('version', '')}",
        f"{runtime.get('name', '')} on {runtime.get('device', '')}",
        *(_percent(metrics[name]) for name in ("AP", "FPR95", "AUROC")),
        f"{frames['played']} / {frames['dropped']}",
        *(_time(report["latency_ms"].get(stage)) for stage in ("inference", "age")),
    )


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows))


def _source(name: str, command: str, cpu: str, cores: int, gpus: list[str]) -> str:
    return f"- [{name}](docs/results/{name}), on {', '.join((cpu, f'{cores} cores', *gpus))}: `{command}`"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.1f}"


def _time(summary: dict[str, float] | None) -> str:
    return "" if summary is None else f"{summary['p50']:.1f} ({summary['p99']:.1f})"


if __name__ == "__main__":
    sys.exit(main())
