"""`fishy bench node` measures real processes over real DDS, frame by frame."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.bench.bus_path import AGE, AROUND, ARRIVE, BASELINE_NODE, HANDLING, THIS_NODE, PathRequest
from fishy_ros.evaluation.bench.node import run_node
from fishy_ros.evaluation.replay.match import ROUND_TRIP
from fishy_ros.model_package import ModelPackage

pytestmark = pytest.mark.live


@pytest.mark.parametrize("method", [THIS_NODE, BASELINE_NODE])
@pytest.mark.long
def test_a_node_answers_every_frame_with_its_stages(method: str, tiny_package: ModelPackage) -> None:
    request = PathRequest(method, str(tiny_package.folder), "onnxruntime", "cpu", frames=3, height=128, width=256)
    result = run_node((method,), request, 1, lambda: None)
    assert result.extra == {"lost": {method: 0}}
    stages = {stage: summary.median for stage, summary in result.methods[0].stages_ms.items()}
    assert {ARRIVE, HANDLING, AGE, AROUND, ROUND_TRIP, "receive", "decode", "inference", "publish"} <= set(stages)
    # A heatmap may arrive before the call that publishes it returns, so its age may exceed the round trip.
    assert 0 < stages["inference"] < min(stages[AGE], stages[ROUND_TRIP])


def test_a_node_that_does_not_start_ends_the_measurement_with_its_own_words() -> None:
    request = PathRequest(BASELINE_NODE, "no-such-model", frames=1, height=64, width=128)
    with pytest.raises(ReplayError, match="no-such-model"):
        run_node((BASELINE_NODE,), request, 1, lambda: None)
