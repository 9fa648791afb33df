"""The script for machines with a GPU works as far as it can without one, so that its one run there is not wasted."""

import json
import subprocess
from argparse import Namespace
from types import ModuleType

import pytest
from support.sources import ROOT, load_script
from support.tiny_model import build_tiny_package

STEPS = {"machine", "engines", "plugin", "path", "node", "conformance", "bench_fishy-s", "bench_int8", "roofline_fp32"}


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    return load_script(ROOT / "docs/gpu_probe.py")


def test_the_script_keeps_its_time_and_says_of_every_step_how_it_went(tmp_path):
    out = tmp_path / "check"
    script = [str(ROOT / "docs/gpu_check.sh"), "--dry-run", "--limit", "8", "--out", str(out)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads((out / "gpu_check.json").read_text())["gpu_check"]
    assert set(parts) == STEPS
    assert parts["machine"]["rc"] == 0
    assert parts["machine"]["result"]["cpus"] > 0
    assert parts["roofline_fp32"]["rc"] in (124, 125)
    assert parts["roofline_fp32"]["log"].strip() in ("no time was left", "")


def test_an_option_that_is_not_known_is_refused():
    script = [str(ROOT / "docs/gpu_check.sh"), "--frobnicate"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "--dry-run" in done.stdout


def test_what_a_step_left_is_collected(probe, tmp_path):
    (tmp_path / "steps.tsv").write_text("good\t0\t1.5\nbad\t1\t2.0\ntests\t0\t3.0\n")
    (tmp_path / "good.json").write_text('{"x": 1}')
    (tmp_path / "bad.log").write_text("a long story\nno memory")
    case = '<testcase name="a"/><testcase name="b"><failure/></testcase>'
    case += '<testcase name="c"><skipped message="no GPU"/></testcase>'
    (tmp_path / "tests.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
    parts = probe.collected(tmp_path)["gpu_check"]
    assert parts["good"] == {"rc": 0, "seconds": 1.5, "result": {"x": 1}}
    assert parts["bad"]["log"].endswith("no memory")
    assert parts["tests"]["tests"] == {"passed": 1, "failed": ["b"], "skipped": {"no GPU": 1}}


def test_a_refusal_is_kept_in_the_librarys_own_words(probe):
    def refuse() -> None:
        raise RuntimeError("compute capability 9.0 is not supported")

    assert probe.attempt(refuse) == {"refused": "RuntimeError: compute capability 9.0 is not supported"}


@pytest.mark.live
def test_the_node_is_measured_at_every_rate(probe, tmp_path):
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    package = build_tiny_package(tmp_path / "tiny")
    options = Namespace(
        rate=[4.0, 8.0],
        seconds=1.0,
        height=1024,
        width=2048,
        runtime="onnxruntime",
        device="cpu",
        precision="fp32",
        model=str(package.folder),
    )
    result = probe.node_at_rates(options)
    assert [row["asked_hz"] for row in result["rates"]] == [4.0, 8.0]
    assert [row["played"] for row in result["rates"]] == [4, 8]
    assert all(row["published"] >= 1 and row["stages_ms"]["inference"]["p50"] > 0 for row in result["rates"])
    assert any("onnxruntime on cpu chosen" in line for line in result["log"])
