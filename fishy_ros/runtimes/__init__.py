"""Inference engines behind one protocol, each imported only when it is chosen."""

from fishy_ros.runtimes.base import RawOutput, Runtime, RuntimeInfo
from fishy_ros.runtimes.registry import RUNTIMES
from fishy_ros.runtimes.selection import AUTO, Selection, SelectionNote, create_runtime, select_runtime

__all__ = [
    "AUTO",
    "RUNTIMES",
    "RawOutput",
    "Runtime",
    "RuntimeInfo",
    "Selection",
    "SelectionNote",
    "create_runtime",
    "select_runtime",
]
