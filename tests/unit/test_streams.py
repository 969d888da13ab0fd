"""Which leg sends another stream than before."""

from pbx_control.asterisk.ami import Stream
from pbx_control.live import streams
from pbx_control.live.streams import Streams


def test_a_legs_first_stream_is_nothing_new_and_another_one_is_once():
    known = Streams()
    told = [known.is_new(Stream(leg, source)) for leg, source in (("a", "1"), ("b", "2"), ("a", "1"), ("a", "3"))]
    assert told == [False, False, False, True]
    assert not known.is_new(Stream("a", "3"))


def test_of_more_legs_than_a_switch_has_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(streams, "MOST_LEGS", 2)
    known = Streams()
    for leg in ("a", "b", "a", "c"):
        known.is_new(Stream(leg, "1"))
    assert known.is_new(Stream("a", "2"))
    assert not known.is_new(Stream("b", "2"))


def test_who_changes_all_the_time_is_left_alone_at_last(monkeypatch):
    monkeypatch.setattr(streams, "MOST_CHANGES", 3)
    known = Streams()
    assert [known.is_new(Stream("a", str(k % 2))) for k in range(6)] == [False, True, True, True, False, False]
