"""How many images the middleware lost, from the numbers of those that came."""

from fishy_ros.node.stamps import SequenceGaps


def lost(numbers, publishers=1):
    gaps = SequenceGaps()
    return [gaps.lost_before(number, publishers) for number in numbers]


def test_what_is_missing_between_two_messages_is_lost():
    assert lost([7, 8, 12, 13]) == [0, 0, 3, 0]


def test_a_publisher_that_starts_anew_loses_nothing():
    assert lost([100, 101, 1, 2, 4]) == [0, 0, 0, 0, 1]


def test_without_numbers_or_with_several_publishers_nothing_is_counted():
    assert lost([None, None, 5, 9, None, 20]) == [0, 0, 0, 3, 0, 0]
    assert lost([1, 500, 2, 501], publishers=2) == [0, 0, 0, 0]


def test_numbers_of_a_second_publisher_say_nothing_of_the_first_once_it_is_alone_again():
    gaps = SequenceGaps()
    heard = [(200, 1), (201, 2), (3, 2), (204, 1), (206, 1)]
    assert [gaps.lost_before(number, publishers) for number, publishers in heard] == [0, 0, 0, 0, 1]
