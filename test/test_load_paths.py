"""Nothing that is loaded can run code: the calls that could are not in the package, or only in their safe form."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fishy_ros"
SOURCES = sorted(PACKAGE.rglob("*.py"))

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}

ONLY_IN = {
    "yaml.load": ("documents.py",),
    "yaml.safe_load": (),
    "yaml.unsafe_load": (),
    "yaml.full_load": (),
    "np.load": (),
    "np.fromfile": (),
    "np.lib.format.read_array": (),
    "cv2.imread": (),
    "cv2.imdecode": ("imaging/compressed.py", "imaging/picture_files.py", "training/augment.py"),
    "zipfile.ZipFile": ("arrays.py", "datasets/archives.py", "training/pack.py"),
    "tarfile.open": ("datasets/archives.py",),
    "torch.load": ("training/checkpoint.py",),
    "eval": (),
    "exec": (),
    "os.system": (),
}
"""The places (below fishy_ros) that may call a function that reads from outside; each bounds what it reads first."""


@functools.cache
def nodes_of(source: Path) -> tuple[ast.AST, ...]:
    """Parse a file, once."""
    return tuple(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))


def calls_of(source: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call in a file under the dotted name that stands there."""
    for node in nodes_of(source):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func), node


def test_only_the_pool_of_own_processes_unpickles():
    """Its files lie in a folder that it makes for itself, which only this account can enter."""
    importing = {
        str(source.relative_to(PACKAGE))
        for source in SOURCES
        for node in nodes_of(source)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.split(".")[0] in UNSAFE_MODULES
    }
    assert importing == {"evaluation/sweep/file_pool.py"}


@pytest.mark.parametrize("function", ONLY_IN)
def test_what_reads_from_outside_is_called_only_where_it_is_bounded(function):
    callers = {
        str(source.relative_to(PACKAGE)) for source in SOURCES for name, _ in calls_of(source) if name == function
    }
    assert callers == set(ONLY_IN[function])


@pytest.mark.parametrize(
    ("function", "keyword", "value"), [("torch.load", "weights_only", "True"), ("yaml.load", "Loader", "_PlainLoader")]
)
def test_every_call_reads_weights_only_or_yaml_with_the_plain_loader(function, keyword, value):
    found = {
        f"{source.relative_to(PACKAGE)}:{call.lineno}": {one.arg: ast.unparse(one.value) for one in call.keywords}.get(
            keyword
        )
        for source in SOURCES
        for name, call in calls_of(source)
        if name == function
    }
    assert found
    assert set(found.values()) == {value}, found


def test_no_command_goes_through_a_shell():
    shells = [
        f"{source.name}:{call.lineno}"
        for source in SOURCES
        for _, call in calls_of(source)
        for keyword in call.keywords
        if keyword.arg == "shell"
    ]
    assert not shells
