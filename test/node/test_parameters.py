"""Parameters: documented, valid at any time, refused with a reason."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters

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


@pytest.mark.parametrize("wrong", [{"threshold": 3.0}, {"color_map": "rainbow"}, {"threads": "many"}])
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
