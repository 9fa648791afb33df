"""Documents from anywhere: plain values come through, everything else is one kind of error."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.documents import MAX_NESTING, parse_json, parse_yaml, read_limited


class Refused(Exception):
    pass


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    # U+0085 and its like are line breaks to YAML
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(PLAIN)
def test_plain_values_survive(value):
    assert parse_yaml(yaml.safe_dump(value).encode(), "x", Refused) == value
    assert parse_json(json.dumps(value).encode(), "x", Refused) == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text("[]{}!:,&*?|>-'\"\\#% \n0x1e.ab~", max_size=60).map(str.encode))
def test_any_bytes_are_a_value_or_the_callers_error(content):
    for parse in (parse_yaml, parse_json):
        with suppress(Refused):
            parse(content, "x", Refused)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "a: &x {b: 1}\nc:\n  <<: *x",
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!!int ''",
        "!!float ''",
        "!!bool maybe",
        "!!timestamp never",
        "2001-99-99",
        "!!binary x",
        "!!omap [a]",
        "0x" + "f" * 5000,
        "1" + ":59" * 5000,
        '"\\ud800"',
        '"\\0"',
        '"\\e[2J"',
        '"\\x9b2J"',
        '"\\x7f"',
        "[" * 100_000,
        "? " * 100_000,
        "\x00",
    ],
)
def test_hostile_yaml_is_refused(text):
    with pytest.raises(Refused, match=r"^here: "):
        parse_yaml(text.encode("utf-8", "surrogatepass"), "here", Refused)


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "NaN", "-Infinity", "", "{", "\ufeff{}"])
def test_hostile_json_is_refused(text):
    with pytest.raises(Refused, match=r"^here: "):
        parse_json(text.encode(), "here", Refused)


@pytest.mark.parametrize("parse", [parse_yaml, parse_json])
def test_nesting_is_bounded_well_before_the_parsers_are(parse):
    depth, text = MAX_NESTING, b'"[[{\\"[[\\\\", "{{"'
    assert parse(b"[" * depth + text + b"]" * depth, "here", Refused)
    with pytest.raises(Refused, match="nested deeper than 64 levels"):
        parse(b"[" * (depth + 1) + text + b"]" * (depth + 1), "here", Refused)
    with pytest.raises(Refused, match="nested deeper than 64 levels"):
        parse(b'{"a":' * (depth + 1) + b"1" + b"}" * (depth + 1), "here", Refused)


def test_a_file_is_read_up_to_its_limit_and_not_beyond(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_limited(path, 5, Refused) == b"12345"
    with pytest.raises(Refused, match="a: 5 bytes, expected at most 4"):
        read_limited(path, 4, Refused)
    for missing in (tmp_path, tmp_path / "b", Path("a\0")):
        with pytest.raises(Refused):
            read_limited(missing, 5, Refused)


def test_a_device_without_end_is_read_up_to_the_limit():
    with pytest.raises(Refused, match="expected at most 1000"):
        read_limited(Path("/dev/zero"), 1000, Refused)
