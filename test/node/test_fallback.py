"""What a node falls back to: the second best runtime, and no configuration that cannot be tried."""

import threading
from pathlib import Path

import onnx
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import header, image_message, values_of
from support.refused_graph import log_sum_exp_by_attribute

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import add_variants, load_model_package
from fishy_ros.node import fallback
from fishy_ros.node.engine_pool import EnginePool, Ticket
from fishy_ros.node.fallback import FallbackLevels
from fishy_ros.node.parameters import DetectorParameters
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


def test_a_configuration_waits_only_some_seconds_for_a_camera_that_keeps_the_engine(tiny_folder: Path, monkeypatch):
    monkeypatch.setattr(fallback, "TURN_TIMEOUT_S", 0.2)
    add_variants(load_model_package(tiny_folder), {"int8": tiny_folder / "model.onnx"})
    given = DetectorParameters(model=str(tiny_folder), runtime="onnxruntime", threads=1, frame_deadline_ms=1.0)
    pool, hanging = EnginePool(), Ticket()
    watchdog = threading.Timer(5.0, pool.turns.give_up, [hanging])
    with pool.turns.turn(hanging):
        watchdog.start()
        levels = FallbackLevels(given, pool)
        watchdog.cancel()
    assert levels.configurations == ("fp32",)
    assert "int8 cannot be used: timed out after 0.2 s waiting for a turn" in " ".join(levels.warnings)
    levels.close()
    assert [engine._opening for engine in pool._engines.values()] == [None, None], "every engine is closed"
