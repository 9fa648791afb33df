"""The check of reports agrees with the reference implementation of JSON Schema, on real reports and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.evaluation.report.report_json import load_schema
from fishy_ros.evaluation.schema_check import find_contradiction

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"
REPORT = json.loads((RESULTS / "replay_road_anomaly21_dev.json").read_text())
VALUES = st.sampled_from([None, True, 0, -1, 2, 0.5, 1e300, "", "x", "0" * 64, [], [1], [0, 1], {}, {"AP": 2}])


def open_schema(schema: dict) -> dict:
    """Return a schema that accepts fields it does not know, as the check does."""
    opened = {name: value for name, value in schema.items() if not (name == "additionalProperties" and value is False)}
    for name in ("items", "additionalProperties"):
        if isinstance(opened.get(name), dict):
            opened[name] = open_schema(opened[name])
    if "properties" in opened:
        opened["properties"] = {name: open_schema(value) for name, value in opened["properties"].items()}
    return opened


def shorten(value):
    """Return a deep copy with no list longer than three."""
    if isinstance(value, dict):
        return {name: shorten(item) for name, item in value.items()}
    return [shorten(item) for item in value[:3]] if isinstance(value, list) else value


REFERENCE = jsonschema.Draft202012Validator(open_schema(load_schema()))


@pytest.mark.parametrize("path", sorted(RESULTS.glob("replay_*.json")), ids=lambda path: path.stem)
def test_committed_reports_are_accepted(path):
    assert find_contradiction(json.loads(path.read_text()), load_schema()) is None


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_report_is_judged_as_by_the_reference(data):
    report = shorten(REPORT)
    place = report
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not (isinstance(inner, (dict, list)) and inner) or data.draw(st.booleans()):
            break
        place = inner
    if data.draw(st.booleans()):
        place[key] = data.draw(VALUES)
    else:
        del place[key]
    assert (find_contradiction(report, load_schema()) is None) == REFERENCE.is_valid(report)
