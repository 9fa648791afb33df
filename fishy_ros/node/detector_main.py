"""Entry point of the detector node."""

from __future__ import annotations

from fishy_ros.node.allocator import keep_large_blocks, use_one_heap


def main() -> None:
    """Settle how memory is kept, then run the node."""
    # Libraries start threads when they are imported, which fixes the number of heaps.
    use_one_heap()
    keep_large_blocks()
    from fishy_ros.node.detector_node import run_node

    run_node()


if __name__ == "__main__":
    main()
