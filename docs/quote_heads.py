"""Quote in docs/model.md what `fishy evaluate` and `python -m experiments.ablate` measured.

Every head of the shipped weights comes from docs/results/heads_*.json, the training curve from
docs/results/training_curve/STEP.json, ingredients and designs from docs/results/ablation.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from quoting import between, markdown_table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "model.md"
RESULTS = ROOT / "docs" / "results"


def main() -> None:
    """Rewrite the tables of docs/model.md."""
    text = PAGE.read_text(encoding="utf-8")
    studies = [(path, read(path)) for path in sorted(RESULTS.glob("heads_*.json"))]
    text = between(text, "heads", "\n\n".join(heads_table(path, study) for path, study in studies))
    curve = [(int(path.stem), read(path)) for path in (RESULTS / "training_curve").glob("*.json")]
    text = between(text, "training_curve", training_curve_table(sorted(curve, key=lambda row: row[0])))
    text = between(text, "ablation", ablation_tables(RESULTS / "ablation.json"))
    PAGE.write_text(text, encoding="utf-8")


def read(path: Path) -> Any:
    """Read what `fishy evaluate` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))["heads"]


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
        markdown_table(header, rows),
        "",
        "Mean IoU: " + ", ".join(f"{name} {100 * miou:.1f} %" for name, miou in study["segmentation"].items()) + ".",
        f"[{path.name}](results/{path.name}): `{study['command']}`",
    ]
    return "\n".join(words)


def training_curve_table(curve: list[tuple[int, Any]]) -> str:
    """Lay out one row a checkpoint: the score of its first head on every set, and mean IoU."""
    first = curve[0][1]
    folders, labelled = list(first["heads"][0]["sets"]), list(first["segmentation"])
    header = (
        "step of stage 2 to 5",
        *(Path(folder).name for folder in folders),
        *(f"mIoU {name}" for name in labelled),
    )
    rows = [
        (
            f"{step:,}",
            *(rates(study["heads"][0]["sets"][folder]) for folder in folders),
            *(f"{100 * study['segmentation'][name]:.1f}" for name in labelled),
        )
        for step, study in curve
    ]
    return f"AP / FPR95 / AUROC in % of head `{first['heads'][0]['head']}`:\n\n{markdown_table(header, rows)}"


def ablation_tables(path: Path) -> str:
    """Lay out one row a variant: mean IoU and cost, then for every head AP / FPR95 / AUROC on every set."""
    if not path.exists():
        plan = "experiments/plans/ablation.yaml"
        return f"Not measured yet: `python -m experiments.ablate {plan} --out docs/results/{path.name}`"
    study = json.loads(path.read_text(encoding="utf-8"))["ablation"]
    variants, machine = study["variants"], study["environment"]
    labelled = list(variants[0]["scores"]["segmentation"])
    header = ("variant", "", *(f"mIoU {name}" for name in labelled), "M parameters", "GMAC", "ms", "time, first = 1")
    rows = [
        (
            row["name"],
            row["what"],
            *(f"{100 * row['scores']['segmentation'][name]:.1f}" for name in labelled),
            f"{row['cost']['parameters'] / 1e6:.2f}",
            f"{row['cost']['gmac']:.2f}",
            f"{row['cost']['latency_ms']:.1f}",
            f"{row['cost']['ratio']:.2f}",
        )
        for row in variants
    ]
    length = f"{study['epochs']:g} epochs" if "epochs" in study else f"{study['steps']:,} steps"
    words = [
        f"{length} each from random initialisation, seed {study['seed']}; cost of the network alone in "
        f"ONNX Runtime on {machine['cores']} x {machine['cpu']}, in turns.",
        "",
        markdown_table(header, rows),
    ]
    for head in dict.fromkeys(head for row in variants for head in row["scores"]["heads"]):
        scored = [(row["name"], row["scores"]["heads"][head]) for row in variants if head in row["scores"]["heads"]]
        folders = list(scored[0][1])
        sets = [(name, *(rates(found[folder]) for folder in folders)) for name, found in scored]
        words += ["", f"AP / FPR95 / AUROC in % of head `{head}`:", ""]
        words.append(markdown_table(("variant", *(Path(folder).name for folder in folders)), sets))
    words += ["", f"[{path.name}](results/{path.name}), with the command of each row: `{study['command']}`"]
    return "\n".join(words)


def rates(scores: dict[str, float]) -> str:
    """Lay out three rates in percent."""
    return " / ".join(f"{100 * scores[name]:.1f}" for name in ("AP", "FPR95", "AUROC"))


if __name__ == "__main__":
    main()
