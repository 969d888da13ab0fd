"""A small storm: what `python -m tests.chaos --letters` does with ten thousand letters and dozens of kills."""

from chaos.storm import Extent, most_attempts, storm

SMALL = Extent(letters=200, recipients=40, kills=4, hours=2, speed=1500)


async def test_a_storm_loses_no_letter_keeps_each_recipients_order_and_sends_one_twice_for_each_kill(engine, tmp_path):
    done = await storm(engine, tmp_path, SMALL)
    assert done.complaints == []
    assert done.lost == 0
    assert len(done.attempts) == SMALL.letters


def test_a_letter_is_tried_as_the_schedule_says():
    assert [most_attempts(minutes * 60) for minutes in (0, 1, 3, 8, 113, 113 + 119, 113 + 120)] == [2, 3, 4, 5, 8, 8, 9]
