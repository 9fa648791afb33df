"""What a module of measurement does as a program: a request in, its result out, both as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from fishy_ros.errors import FishyError
from fishy_ros.evaluation.bench.bus_path import PathRequest


def run_probe(measure: Callable[[PathRequest], dict[str, object]]) -> None:
    """Measure what the standard input asks for; an expected error ends the process with one line and status 2."""
    try:
        result = measure(PathRequest(**json.load(sys.stdin)))
    except FishyError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    json.dump(result, sys.stdout)
