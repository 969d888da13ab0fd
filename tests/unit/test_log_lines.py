"""What callers and strangers send does not fill the log, however long it is."""

from pbx_control.logs import LONGEST_LOGGED, cut_short


def test_a_long_value_is_cut_and_a_number_stays() -> None:
    line = cut_short(None, "warning", {"event": "x", "name": "A" * 3000, "count": 3000})
    assert line == {"event": "x", "name": "A" * LONGEST_LOGGED + "…", "count": 3000}
