"""Quote the committed results in docs/measured.md and README.md; with `--check` only tell whether both are up to date.

In docs/measured.md stand one table for all replay reports (`report.json`) in docs/results, then one table for each file
of `fishy bench`, all with the command and the machine that made them. README.md has the headline and a table of speed.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from quoting import between, markdown_table

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "measured.md"
RESULTS = ROOT / "docs" / "results"
HEADLINE = "replay_fs_lost_and_found_dev.json"
"""The replay whose scores are the headline."""
SECOND_HEADLINE = "replay_m_fs_lost_and_found_dev.json"
"""The same of the more accurate model."""
HEADLINE_SET = "frames of the Fishyscapes Lost & Found validation set"
SPEED = ("bench_precision_speed.json", "bench_cuda.json")
"""The benchmarks that the README's table of speed is made from; the first one has the times of the headline."""
CAPTIONS = {
    "detect": "Configurations of the detector in one process; medians in ms per frame.",
    "baselines": "The detector and what one would have otherwise, in one process; medians in ms per frame.",
    "node": "The path through DDS, this node and the one that one writes first; medians in ms per frame.",
    "start": "From the start of the node's process to its first heatmap; medians in ms.",
}
"""What is quoted of `fishy bench`; other kinds (settings) stay in their files."""
COMPARED = ("total", "around")
"""The stage whose ratio to the first method is quoted: the first of these that a measurement has."""


def main() -> int:
    """Rewrite both files, or with `--check` return 1 when one is out of date."""
    results = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    blocks = {
        PAGE: {"results": quote(results)},
        README: {"headline": headline(results), "speed": speed_table(results)},
    }
    stale = False
    for path, contents in blocks.items():
        text = path.read_text(encoding="utf-8")
        quoted = text
        for name, content in contents.items():
            quoted = between(quoted, name, content)
        stale |= quoted != text
        if "--check" not in sys.argv[1:]:
            path.write_text(quoted, encoding="utf-8")
    return int(stale and "--check" in sys.argv[1:])


def headline(results: dict[str, Any]) -> str:
    """Say in one sentence what the shipped model finds, on which set and by which protocol, and how long it takes."""
    report, second, bench = results[HEADLINE], results[SECOND_HEADLINE], results[SPEED[0]]["bench"]
    model, metrics = report["model"], report["metrics"]
    times = {case["configuration"]["precision"]: case["stages_ms"]["total"]["median"] for case in bench["methods"][:2]}
    runtime = bench["methods"][0]["configuration"]["resolved"]["name"]
    machine = f"{bench['environment']['cores']} cores ({bench['environment']['cpu']})"
    timed = " or ".join(f"{value:.0f} ms in {precision.upper()}" for precision, value in times.items())
    return (
        f"`{model['name']}` {model['version']} reaches **{_percent(metrics['AP'])} % AP** and "
        f"**{_percent(metrics['FPR95'])} % FPR95** on {report['frames']['played']} {HEADLINE_SET}:\n"
        "the heatmaps that the node published, all pixels pooled, every distinct score a threshold. "
        f"A frame takes {timed} on {machine}, with {runtime}.\n"
        f"`{second['model']['name']}` looks at the road ahead a second time, for twice the time or more: "
        f"{_percent(second['metrics']['AP'])} % AP and {_percent(second['metrics']['FPR95'])} % FPR95."
    )


def speed_table(results: dict[str, Any]) -> str:
    """Lay out the median time of a frame on every machine of `SPEED`, in ms."""
    rows = [
        (
            _machine(bench["environment"]),
            case["configuration"]["resolved"]["name"],
            case["configuration"]["precision"],
            *(f"{case['stages_ms'][stage]['median']:.1f}" for stage in ("inference", "total")),
        )
        for bench in (results[name]["bench"] for name in SPEED)
        for case in bench["methods"]
        if case["configuration"]["resolved"]["name"] != "torch"  # a reference for tests, not what a robot runs
    ]
    return markdown_table(("machine", "runtime", "precision", "inference ms", "frame ms"), rows)


def quote(results: dict[str, Any]) -> str:
    """Lay out file name -> content of the results as Markdown."""
    replays = {name: content for name, content in results.items() if "metrics" in content and "frames" in content}
    benches = {name: content["bench"] for name, content in results.items() if "bench" in content}
    benches = {name: bench for name, bench in benches.items() if bench["kind"] in CAPTIONS}
    parts = ["## Quality", replay_table(replays)] if replays else []
    parts += ["## Speed", *(bench_table(name, bench) for name, bench in benches.items())] if benches else []
    parts += [
        layout(name, content[kind])
        for kind, layout in (
            ("roofline", roofline_table),
            ("precisions", precision_table),
            ("peak", lambda name, _: peak_line(name, results[name])),
            ("memory", memory_line),
        )
        for name, content in results.items()
        if kind in content
    ]
    return "\n\n".join(parts) or "No result has been committed yet."


def replay_table(reports: dict[str, Any]) -> str:
    """Lay out one row a replay report; below, the command and the machine of each."""
    header = ("data", "played", "model", "runtime", "AP %", "FPR95 %", "AUROC %", "frames / dropped")
    table = markdown_table(header, [_replay_row(report) for report in reports.values()])
    notes = [
        _source(name, report["command"], report["host"]["cpu"], report["host"]["cores"], report["host"]["gpus"])
        for name, report in reports.items()
    ]
    caption = "Scores of what was published over DDS, or offline computed in one process."
    return "\n".join((caption, "", table, "", *notes))


def bench_table(name: str, bench: dict[str, Any]) -> str:
    """Lay out the median of every stage of every method of a benchmark in ms, and the ratio to the first method."""
    compared = next(stage for stage in COMPARED if stage in bench["methods"][0]["stages_ms"])
    stages = list(dict.fromkeys(stage for method in bench["methods"] for stage in method["stages_ms"]))
    rows = [
        (
            method["name"],
            *(
                f"{method['stages_ms'][stage]['median']:.2f}" if stage in method["stages_ms"] else ""
                for stage in stages
            ),
            f"x {method['ratio_to_first'][compared]['median']:.2f}" if compared in method["ratio_to_first"] else "",
        )
        for method in bench["methods"]
    ]
    table = markdown_table((bench["kind"], *stages, f"{compared} against the first"), rows)
    return "\n\n".join((CAPTIONS[bench["kind"]], table, _made_by(name, bench["environment"])))


def roofline_table(name: str, result: dict[str, Any]) -> str:
    """Lay out how near a runtime comes to the shortest time that arithmetic and memory allow."""
    limits, runtime = result["limits"], result["runtime"]
    header = ("graph", "parameters", "machine", "limit ms", "measured ms", "fraction of the limit")
    row = (
        f"{result['gflops']:.1f} GFLOP, {result['megabytes']:.0f} MB moved",
        f"{result['parameters'] / 1e6:.2f} M",
        f"{limits['flops_per_s'] / 1e9:.0f} GFLOP/s, {limits['bytes_per_s'] / 1e9:.1f} GB/s",
        f"{result['limit_ms']:.1f}",
        f"{result['measured_ms']['median']:.1f}",
        f"{result['fraction']:.0%}",
    )
    model = result["model"].partition(",")[0]
    caption = f"Roofline of {model} {result['precision']} in {runtime['name']} on {runtime['device']}."
    return "\n\n".join((caption, markdown_table(header, [row]), _made_by(name, result["environment"])))


def memory_line(name: str, result: dict[str, Any]) -> str:
    """Say in a line what happened to the memory of the node."""
    text = (
        f"Memory of the node over {result['frames'][-1]} frames: {result['settled_mib']:.1f} MiB in the second half, "
        f"where it grows by {result['growth_kib_per_1000_frames']:.1f} KiB per thousand frames; "
        f"{result['missing']} frames lost."
    )
    return "\n\n".join((text, _made_by(name, result["environment"])))


def peak_line(name: str, content: dict[str, Any]) -> str:
    """Say in a line which rate the node sustains."""
    peak, calm = content["peak"], content["peak"]["calm"]
    text = (
        f"Highest rate with under {content['dropped_share']:.0%} dropped: {peak['rate_hz']:.1f} frames per second, "
        f"within {peak['spread']:.1%} over {len(peak['counted'])} searches; "
        f"{peak['latency_ms']:.1f} ms from image to heatmap. At {calm['rate_hz']:.1f} per second "
        f"{calm['latency_ms']:.1f} ms, {calm['latency_p99_ms']:.1f} in the 99th percentile, "
        f"{calm['played'] - calm['published']} of {calm['played']} lost."
    )
    return "\n\n".join((text, _made_by(name, content["environment"])))


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
    caption = f"Precisions of {result['model']} in {result['runtime']}, {result['frames']} frames."
    return "\n\n".join((caption, markdown_table(header, rows), _made_by(name, result["environment"])))


def _replay_row(report: dict[str, Any]) -> tuple[str, ...]:
    metrics, frames = report["metrics"], report["frames"]
    model, runtime = report["model"] or {}, report["runtime"] or {}
    return (
        _data_set(report),
        report["mode"],
        f"{model.get('name', '')} {model.get('version', '')}",
        f"{runtime.get('name', '')} on {runtime.get('device', '')}",
        *(_percent(metrics[name]) for name in ("AP", "FPR95", "AUROC")),
        f"{frames['played']} / {frames['dropped']}",
    )


def _data_set(report: dict[str, Any]) -> str:
    """Name the data by its folder, which says more than the name of a reader such as `folder`."""
    words = shlex.split(report["command"])
    return Path(words[words.index("--root") + 1] if "--root" in words else report["source"]["name"]).name


def _machine(environment: dict[str, Any]) -> str:
    gpus = ", ".join(gpu.partition(",")[0] for gpu in environment["gpus"])
    return gpus or f"{environment['cores']} cores, {environment['cpu']}"


def _made_by(name: str, environment: dict[str, Any]) -> str:
    return _source(name, environment["command"], environment["cpu"], environment["cores"], environment["gpus"])


def _source(name: str, command: str, cpu: str, cores: int, gpus: list[str]) -> str:
    return f"- [{name}](results/{name}), on {', '.join((cpu, f'{cores} cores', *gpus))}: `{command}`"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.1f}"


if __name__ == "__main__":
    sys.exit(main())
