"""Entry point of the executable `replay`."""

from __future__ import annotations

import sys

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.libraries import check_libraries


def main() -> None:
    """Make sure that the extra `eval` is there, then run the node; exit status 2 where it is not."""
    try:
        check_libraries()
    except ConfigError as error:
        print(f"replay: {error}", file=sys.stderr)
        sys.exit(2)
    from fishy_ros.evaluation.live.replay_node import main as run

    run()


if __name__ == "__main__":
    main()
