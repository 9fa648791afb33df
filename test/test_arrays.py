"""NumPy files from anywhere: what NumPy saved comes back; pickles and headers that lie are refused unallocated."""

import io
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fishy_ros.arrays import read_npy, read_npz


class Refused(Exception):
    pass


def read(content: bytes):
    return read_npy(io.BytesIO(content), len(content), "here", Refused)


def saved(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_header(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@settings(max_examples=100, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.uint8, np.int64, ">f4", "U3"]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.booleans(),
)
def test_what_numpy_saved_comes_back(array, fortran):
    array = np.asfortranarray(array) if fortran else array
    found = read(saved(array))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + bytes(50),
        saved(np.zeros(3))[:-1],
        saved(np.array([{}], object)),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", b"abcd"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -2), }", bytes(16)),
        with_header("{'descr': '|V0', 'fortran_order': False, 'shape': (9999999999,), }"),
        with_header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }", bytes(8)),
        with_header("{'descr': 3, 'fortran_order': False, 'shape': (1,), }"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': ('a',), }"),
        with_header("(" * 100),
        with_header("__import__('os').system('true')"),
    ],
)
def test_what_is_no_plain_array_is_refused(content):
    tracemalloc.start()
    with pytest.raises(Refused, match=r"^here: "):
        read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**7


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 150), st.binary(min_size=1, max_size=4))
def test_a_damaged_array_is_an_array_or_refused(at, damage):
    content = saved(np.arange(6, dtype=np.float32).reshape(2, 3))
    with suppress(Refused):
        read(content[:at] + damage + content[at + len(damage) :])


def test_an_archive_is_refused_for_what_it_would_unpack_to(tmp_path, monkeypatch):
    monkeypatch.setattr("fishy_ros.arrays.MAX_ARRAY_BYTES", 10**6)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros(10**6, np.uint8))
    assert path.stat().st_size < 10**4
    with pytest.raises(Refused, match=r"a\.npz: .* 1000128 bytes unpacked, expected at most 1000000"):
        read_npz(path, ("a",), Refused)


def test_a_missing_array_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(2))
    with pytest.raises(Refused, match="named b: "):
        read_npz(tmp_path / "a.npz", ("b",), Refused)
