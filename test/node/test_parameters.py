"""Parameters: documented, valid at any time, refused with a reason."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Parameter, ParameterType
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.parameter import Parameter as RclpyParameter
from support.detector_bench import values_of

from fishy_ros.errors import ConfigError
from fishy_ros.node.parameters import DetectorParameters, rule_of

CONFIG = Path(__file__).resolve().parents[2] / "config" / "detector.yaml"


def test_the_shipped_file_holds_every_parameter_with_its_default():
    shipped = yaml.safe_load(CONFIG.read_text())["/**"]["ros__parameters"]
    assert shipped == {item.name: item.default for item in fields(DetectorParameters)}


def test_the_shipped_file_explains_every_parameter():
    blocks = re.split(r"\n\s*\n", CONFIG.read_text())
    unexplained = [block for block in blocks if re.search(r"^\s+\w+:", block, re.M) and "#" not in block]
    assert not unexplained


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threshold", 1.5, "threshold is 1.5; expected -1 to 1"),
        ("threshold", -0.5, "expected 0 to 1, or -1"),
        ("threshold", 1, "expected a value of type float"),
        ("threshold", float("nan"), "threshold is nan"),
        ("color_map", "rainbow", "'rainbow'; expected one of turbo"),
        ("runtime", "tvm", "expected one of auto"),
        ("model", "", "model is empty"),
        ("overlay_jpeg_quality", 0, "expected 1 to 100"),
        ("publish_overlay", 1, "type bool"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(name, value, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        DetectorParameters(**{name: value})


def test_a_running_node_describes_its_parameters_and_refuses_what_is_not_allowed(start_detector):
    bench = start_detector()
    names = [item.name for item in fields(DetectorParameters)]
    declared = bench.call(ListParameters, "list_parameters", ListParameters.Request()).result.names
    assert set(names) <= set(declared)
    described = bench.call(DescribeParameters, "describe_parameters", DescribeParameters.Request(names=names))
    for item, descriptor in zip(fields(DetectorParameters), described.descriptors, strict=True):
        assert descriptor.description == rule_of(item).description
        assert descriptor.read_only == rule_of(item).read_only
        if rule_of(item).low is not None:
            assert descriptor.floating_point_range or descriptor.integer_range
        if rule_of(item).choices:
            assert all(choice in descriptor.additional_constraints for choice in rule_of(item).choices)

    refusals = {
        "threshold": (2.0, "threshold"),
        "overlay_opacity": (-0.1, "overlay_opacity"),
        "color_map": ("rainbow", "turbo"),
        "heatmap_size": (7, "STRING"),
        "autostart": (False, "read-only"),
        "model": ("other", "clean up"),
    }
    for name, (value, reason) in refusals.items():
        accepted, why = bench.set_parameter(name, value)
        assert not accepted, name
        assert reason in why, (name, why)
    for name, value in {"threshold": 0.25, "color_map": "magma", "publish_overlay": False}.items():
        assert bench.set_parameter(name, value) == (True, "")
    values = bench.call(GetParameters, "get_parameters", GetParameters.Request(names=["threshold", "color_map"]))
    assert values.values[0].type == ParameterType.PARAMETER_DOUBLE
    assert values.values[0].double_value == 0.25
    assert values.values[1].string_value == "magma"


def messages(**values):
    typed = {name: RclpyParameter(name, value=value).get_parameter_value() for name, value in values.items()}
    return [Parameter(name=name, value=value) for name, value in typed.items()]


def test_a_valid_file_may_be_loaded_in_any_order_and_what_does_not_fit_meanwhile_is_a_warning(start_detector):
    bench = start_detector()

    def load(**values):
        request = SetParameters.Request(parameters=messages(**values))
        return [result.successful for result in bench.call(SetParameters, "set_parameters", request).results]

    assert load(confirm_hits=3, threshold_low=0.6, threshold=0.5) == [True] * 3
    status = bench.wait_for_diagnostics(lambda status: "confirm_window" in status.message, "the contradiction")
    assert status.level == DiagnosticStatus.WARN
    assert "confirm_hits is 3, more than confirm_window, which is 1: 1 of 1 is in force" in status.message
    assert "threshold_low is 0.6, above threshold: 0.5 is in force for both" in status.message
    assert values_of(status)["threshold_low"] == "0.5"
    assert load(confirm_window=5, threshold=0.7) == [True] * 2
    bench.wait_for_diagnostics(
        lambda s: values_of(s).get("threshold_low") == "0.6" and "confirm" not in s.message, "peace"
    )
    assert load(confirm_window=2, confirm_hits=2) == [True] * 2, "back, in the other order"

    together = SetParametersAtomically.Request(parameters=messages(confirm_hits=4, confirm_window=3))
    refused = bench.call(SetParametersAtomically, "set_parameters_atomically", together).result
    assert not refused.successful
    assert "confirm_hits and confirm_window are 4 and 3" in refused.reason


@pytest.mark.parametrize(
    ("values", "default", "said"),
    [
        ({}, 0.5, []),
        ({"confirm_hits": 3, "confirm_window": 3}, 0.5, []),
        ({"confirm_hits": 4, "confirm_window": 3}, 0.5, ["confirm_hits is 4"]),
        ({"threshold_low": 0.6}, 0.5, ["threshold_low is 0.6, above threshold: 0.5"]),
        ({"threshold_low": 0.4}, 0.5, []),
        ({"threshold_low": 0.6}, None, []),
        ({"threshold_low": 0.6, "threshold": 0.55}, None, ["threshold_low is 0.6, above threshold: 0.55"]),
        ({"threshold_low": 0.6, "threshold": 0.7}, 0.5, []),
    ],
)
def test_values_that_wait_for_another_one_are_named_with_what_holds_meanwhile(values, default, said):
    parameters = DetectorParameters(**values)
    found = list(parameters.contradictions(default))
    assert [line.startswith(start) for line, start in zip(found, said, strict=True)] == [True] * len(said)
    assert parameters.threshold_low_in_force(0.5) <= parameters.threshold_in_force(0.5)
    assert parameters.confirm_hits_in_force <= parameters.confirm_window


@pytest.mark.parametrize(
    "wrong", [{"threshold": 3.0}, {"color_map": "rainbow"}, {"threads": "many"}, {"confirm_hits": 2}]
)
def test_a_wrong_value_at_start_ends_the_node_with_one_line(start_detector, wrong):
    bench = start_detector(**wrong)
    assert bench.process.wait(20.0) == 2
    assert next(iter(wrong)) in bench.log()
    assert "Traceback" not in bench.log()


def test_a_parameter_given_by_its_old_name_is_taken_and_said(start_detector):
    bench = start_detector(colour_map="jet")
    names = ["color_map"]
    assert (
        bench.call(GetParameters, "get_parameters", GetParameters.Request(names=names)).values[0].string_value == "jet"
    )
    assert "parameters: `colour_map` is now `color_map`" in bench.log()
