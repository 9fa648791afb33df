"""All methods in one table: every head has its row, and numbers stand where they were measured."""

import json
import re

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from support.sources import ROOT  # noqa: E402
from training.street import run_commands  # noqa: E402

from fishy_ros.commands import table  # noqa: E402
from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.heads.registry import COMPOSED, HEADS, WRAPPERS  # noqa: E402
from fishy_ros.training.methods.catalogue import METHODS  # noqa: E402


def study(path, names, weights="a" * 64, network="s", training=""):
    heads = [
        {
            "head": name,
            "sets": {"eval/one": {"AP": 0.25 + number / 100, "FPR95": 0.5, "AUROC": 0.75}},
            "misclassification": {"x/images": {"max_J": 0.4, "AP": 0.6}},
            "cost": {"latency_ms": 2.0, "ratio": 1.5, "engine": "torch" if name == "odin" else "onnxruntime"},
        }
        for number, name in enumerate(names)
    ]
    content = {
        **{"weights_sha256": weights, "network": network, "training": training},
        "prevalence": {"eval/one": 0.013},
        "segmentation": {"x/images": 0.4},
        **{"command": "fishy evaluate", "environment": {}, "network_alone_ms": 9.0, "every": 1, "rounds": 5},
        "heads": heads,
    }
    path.write_text(json.dumps({"heads": content}))
    return path


def test_every_head_has_a_row():
    rows = [(method.training, method.head) for method in METHODS]
    assert len(set(rows)) == len(rows)
    missing = {*HEADS, *COMPOSED} - {head for training, head in rows if not training} - {"dissimilarity+ground+smooth"}
    assert not missing


def test_the_page_of_methods_names_every_head_and_tests_that_exist():
    page = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    quoted = set(re.findall(r"`([^`\n]+)`", page))
    assert not {*HEADS, *(f"+{name}" for name in ("boundaries", "gaussian", "vde", "ground_rows"))} - quoted
    assert not {*WRAPPERS} - quoted
    named = {name for name in quoted if name.endswith(".py") and "test_" in name}
    assert len(named) > 15
    missing = [name for name in named if not (ROOT / ("" if "/" in name else "test/training/heads") / name).is_file()]
    assert not missing
    files = {name for name in quoted if name.startswith("variants/")}
    assert not [name for name in files if not (ROOT / "experiments" / name).is_file()]
    before, after = page.split("### What densities depend on")
    rows = (before + after.partition("\n## ")[2]).splitlines()
    verdicts = [row.split("|")[-2] for row in rows if row.startswith("| ") and not row.endswith("agrees? |")]
    assert len(verdicts) > 55
    said = re.compile(r"test_\w+\.py|same test|\bnot\b|\bown\b|\bno\b|experiments\.")
    assert not [verdict for verdict in verdicts if not said.search(verdict)], "a test, or why not"


def test_results_are_joined_and_what_is_missing_is_said(tmp_path):
    one, two = study(tmp_path / "1.json", ["msp", "knn"]), study(tmp_path / "2.json", ["msp", "odin"])
    run_commands([table], [one, two, "--out", tmp_path / "t"])
    lines = (tmp_path / "t.md").read_text().splitlines()
    row = {line.split("|")[2].strip(): line for line in lines if line.startswith("| ")}
    assert "| 25.0 / 50.0 / 75.0 | 40.0 / 60.0 | 1.50 |" in row["`msp`"]
    assert "| 26.0 / 50.0 / 75.0 | 40.0 / 60.0 | 1.50 (t) |" in row["`odin`"]
    assert "| not trained |" in row["`void`"]
    assert "| not measured |" in row["`energy`"]
    assert any(line.startswith("| Random |") and "| 1.3 / 95.0 / 50.0 |" in line for line in lines)
    content = json.loads((tmp_path / "t.json").read_text())["methods"]
    assert len(content["rows"]) == len(METHODS)
    assert [run["network_alone_ms"] for run in content["runs"]] == [9.0, 9.0]
    assert "<td>Max softmax</td>" in (tmp_path / "t.html").read_text()


def test_a_variant_fills_its_own_rows_only(tmp_path):
    one = study(tmp_path / "1.json", ["msp"])
    other = study(tmp_path / "2.json", ["void", "energy"], "b" * 64, "s_void")
    run_commands([table], [one, other, "--out", tmp_path / "t"])
    row = {line.split("|")[2].strip(): line for line in (tmp_path / "t.md").read_text().splitlines() if "|" in line}
    assert "| 25.0 / 50.0 / 75.0 |" in row["`void`"]
    assert "| not measured |" in row["`energy`"]


def test_weights_of_a_training_fill_the_rows_of_that_training_only(tmp_path):
    """Both are weights of the plain network, and the head has the same name."""
    one = study(tmp_path / "1.json", ["dissimilarity", "msp"])
    other = study(tmp_path / "2.json", ["msp", "dissimilarity"], "b" * 64, training="outlier_fixed")
    third = study(tmp_path / "3.json", ["msp", "msp", "maxent"], "c" * 64, "s_maxent", "four_way")
    run_commands([table], [one, other, third, "--out", tmp_path / "t"])
    row = {line.split("|")[2].strip(): line for line in (tmp_path / "t.md").read_text().splitlines() if "|" in line}
    assert "| 25.0 / 50.0 / 75.0 |" in row["`dissimilarity`"]
    assert "| 26.0 / 50.0 / 75.0 |" in row["`dissimilarity` of outlier_fixed.yaml"]
    assert "| 26.0 / 50.0 / 75.0 |" in row["`msp`"]
    assert "| 27.0 / 50.0 / 75.0 |" in row["`maxent` of four_way.yaml"]
    assert "| not trained |" in row["`maxent`"]
    assert "| not trained |" in row["`dissimilarity` of outlier_random.yaml"]
    files = {path.stem for path in (ROOT / "experiments/variants").iterdir()}
    assert {method.training for method in METHODS} - {""} <= files


def test_a_network_that_saw_no_outliers_has_no_row_for_a_head_that_learns_from_them(tmp_path):
    one = study(tmp_path / "1.json", ["msp", "dissimilarity"])
    run_commands([table], [one, "--no-outliers", "--out", tmp_path / "t"])
    page = (tmp_path / "t.md").read_text()
    assert "which saw no outliers" in page
    assert "| `msp` |" in page
    assert "| `dissimilarity` |" not in page


def test_one_frame_is_drawn_under_every_method(tmp_path):
    result = study(tmp_path / "1.json", ["msp"])
    for name in ("msp", "knn", "sml+vde"):
        (tmp_path / "maps" / name).mkdir(parents=True)
        np.save(tmp_path / "maps" / name / "f.npy", np.random.default_rng(0).random((64, 128), np.float32))
    arguments = [result, "--out", tmp_path / "t", "--maps", tmp_path / "maps"]
    run_commands([table], [*arguments, "--frame", "f"])
    assert cv2.imread(str(tmp_path / "t-f.png")).shape == (148, 4 * 258, 3)
    with pytest.raises(ConfigError, match=r"no HEAD/g\.npy"):
        run_commands([table], [*arguments, "--frame", "g"])


def test_other_weights_and_other_files_are_refused(tmp_path):
    one, other = study(tmp_path / "1.json", ["msp"]), study(tmp_path / "2.json", ["knn"], "b" * 64)
    with pytest.raises(ConfigError, match="other weights than"):
        run_commands([table], [one, other, "--out", tmp_path / "t"])
    (tmp_path / "3.json").write_text("{}")
    with pytest.raises(ConfigError, match="no result of `fishy evaluate`"):
        run_commands([table], [tmp_path / "3.json", "--out", tmp_path / "t"])
