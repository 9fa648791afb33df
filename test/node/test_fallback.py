"""A node that had to take the second best runtime works, and warns on /diagnostics and in its log."""

from pathlib import Path

import onnx
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import header, image_message, values_of
from support.refused_graph import log_sum_exp_by_attribute

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import add_variants, load_model_package
from fishy_ros.runtimes import create_runtime


def test_auto_takes_the_next_runtime_and_warns(start_detector, street, tiny_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    onnx.save(log_sum_exp_by_attribute(64, 128), str(tmp_path / "odd.onnx"))
    package = add_variants(load_model_package(tiny_folder), {"fp16": tmp_path / "odd.onnx"})
    try:
        create_runtime("openvino", package, "cpu", "fp16").close()
    except ModelPackageError:
        pass
    else:
        pytest.skip("this OpenVINO compiles the graph that earlier ones refuse")
    bench = start_detector(model=package.folder, runtime="auto", device="cpu", precision="fp16")
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bench.image.publish(image_message(street, header(0)))
    bench.spin_until(lambda: bench.received["heatmap"], "a heatmap")
    status = bench.wait_for_diagnostics(lambda status: "passed over" in status.message, "the fallback")
    assert status.level == DiagnosticStatus.WARN
    assert "openvino on cpu passed over" in status.message
    assert values_of(status)["runtime"].startswith("onnxruntime ")
    assert "openvino on cpu passed over" in bench.log()
    assert "onnxruntime on cpu chosen: it runs on every processor" in bench.log()
