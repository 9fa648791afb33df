"""A node is asked for its state until it answers."""

from __future__ import annotations

import time

import pytest

rclpy = pytest.importorskip("rclpy", reason="the ROS client library is not installed")

from lifecycle_msgs.srv import GetState  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402

from fishy_ros.evaluation.live.state_question import StateQuestion  # noqa: E402
from fishy_ros.evaluation.replay.domain import private_domain  # noqa: E402

pytestmark = pytest.mark.live

STATE = 3


class Lost(Exception):
    """Ends a service's callback without an answer."""


@pytest.fixture
def context(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with private_domain() as domain:
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        yield context
        context.try_shutdown()


def test_a_question_whose_answer_is_lost_is_asked_again(context):
    asked: list[object] = []

    def answer(request, response):
        asked.append(request)
        if len(asked) == 1:
            raise Lost
        response.current_state.id = STATE
        return response

    asking, answering = (rclpy.create_node(name, context=context) for name in ("asking", "answering"))
    executor = SingleThreadedExecutor(context=context)
    for node in (asking, answering):
        executor.add_node(node)
    question = StateQuestion(asking, "/answering")
    assert not question.has_service
    assert question.poll() is None, "there is nobody to answer"
    answering.create_service(GetState, "/answering/get_state", answer)
    states: list[int] = []
    deadline = time.monotonic() + 60.0
    while len(states) < 2:
        assert time.monotonic() < deadline
        state = question.poll()
        states += [] if state is None else [state]
        try:
            executor.spin_once(timeout_sec=0.05)
        except Lost:
            assert not states
    assert states == [STATE, STATE]
    assert len(asked) >= 3, "one is lost, and each state comes from an answer of its own"
    question.close()
    executor.shutdown(timeout_sec=1.0)
