"""Quote in docs/model.md what `fishy evaluate` measured: every head of the shipped weights, and the course of training.

The heads come from docs/results/heads_*.json, the course from docs/results/course/STEP.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "model.md"
RESULTS = ROOT / "docs" / "results"


def main() -> None:
    """Rewrite the two tables of docs/model.md."""
    text = PAGE.read_text(encoding="utf-8")
    studies = [(path, read(path)) for path in sorted(RESULTS.glob("heads_*.json"))]
    text = between(text, "heads", "\n\n".join(heads_table(path, study) for path, study in studies))
    course = [(int(path.stem), read(path)) for path in (RESULTS / "course").glob("*.json")]
    text = between(text, "course", course_table(sorted(course, key=lambda row: row[0])))
    PAGE.write_text(text, encoding="utf-8")


def read(path: Path) -> Any:
    """Read what `fishy evaluate` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))["heads"]


def between(text: str, name: str, content: str) -> str:
    """Replace what stands between the markers `name`."""
    begin, end = f"<!-- {name}: written by docs/quote_heads.py -->", f"<!-- end of {name} -->"
    before, rest = text.split(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"


def heads_table(path: Path, study: Any) -> str:
    """Lay out AP / FPR95 / AUROC in percent of every head on every set, and its time beside the network alone."""
    folders = list(study["heads"][0]["sets"])
    header = ("head", *(Path(folder).name for folder in folders), "time, network alone = 1")
    rows = [
        (head["head"], *(rates(head["sets"][folder]) for folder in folders), f"{head['cost']['ratio']:.3f}")
        for head in study["heads"]
    ]
    machine = study["environment"]
    words = [
        f"AP / FPR95 / AUROC in %; {study['parameters']:,} parameters, {study['height']}x{study['width']}, the network "
        f"alone {study['network_alone_ms']:.0f} ms in ONNX Runtime on {machine['cores']} x {machine['cpu']}.",
        "",
        table(header, rows),
        "",
        "Mean IoU: " + ", ".join(f"{name} {100 * miou:.1f} %" for name, miou in study["segmentation"].items()) + ".",
        f"[{path.name}](results/{path.name}): `{study['command']}`",
    ]
    return "\n".join(words)


def course_table(course: list[tuple[int, Any]]) -> str:
    """Lay out one row a checkpoint: the score of its first head on every set, and mean IoU."""
    first = course[0][1]
    folders, labelled = list(first["heads"][0]["sets"]), list(first["segmentation"])
    header = ("step of part 2 to 4", *(Path(folder).name for folder in folders), *(f"mIoU {name}" for name in labelled))
    rows = [
        (
            f"{step:,}",
            *(rates(study["heads"][0]["sets"][folder]) for folder in folders),
            *(f"{100 * study['segmentation'][name]:.1f}" for name in labelled),
        )
        for step, study in course
    ]
    return f"AP / FPR95 / AUROC in % of head `{first['heads'][0]['head']}`:\n\n{table(header, rows)}"


def rates(scores: dict[str, float]) -> str:
    """Lay out three rates in percent."""
    return " / ".join(f"{100 * scores[name]:.1f}" for name in ("AP", "FPR95", "AUROC"))


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Lay out a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows))


if __name__ == "__main__":
    main()
