"""Count images that the middleware dropped before the node could take them."""

from __future__ import annotations


class SequenceGaps:
    """Compare the numbers that the middleware gives the messages of one publisher.

    Where there is no number, or where several publishers share a topic, nothing can be said and nothing is counted.
    """

    def __init__(self) -> None:
        self._last: int | None = None

    def lost_before(self, number: int | None, publishers: int) -> int:
        """Return how many messages were lost between the last one and this one.

        A number that does not increase comes from a publisher that was started anew.
        """
        last, self._last = self._last, number if publishers == 1 else None
        if self._last is None or last is None or number is None or number <= last:
            return 0
        return number - last - 1
