"""A node with a trusted key takes only packages that this key signed, and says why it refuses another."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition

from fishy_ros.model_package import create_keys, sign_description

pytest.importorskip("cryptography", reason="needs cryptography")


def test_an_unsigned_model_is_refused_until_it_is_signed(start_detector, tiny_folder, tmp_path):
    create_keys(tmp_path / "fleet.key", tmp_path / "fleet.pub")
    bench = start_detector(model=tiny_folder, trusted_key=tmp_path / "fleet.pub", autostart=False)
    assert not bench.change_state(Transition.TRANSITION_CONFIGURE)
    status = bench.wait_for_diagnostics(lambda s: "not signed" in s.message, "the refusal")
    assert status.level == DiagnosticStatus.ERROR
    assert bench.state() == State.PRIMARY_STATE_UNCONFIGURED
    sign_description(tiny_folder / "model.yaml", tmp_path / "fleet.key")
    bench.activate()
