"""Records of the switch that make no sense: the daemon takes in the others and goes on."""

import asyncio
import json
from unittest.mock import Mock

import pytest

from pbx_control.live.catching_up import CatchingUp
from pbx_control.services.steps import Rules
from pbx_control.settings import Home
from pbx_control.store import call_log
from pbx_control.store.engine import reading


def record(second, event, channel, told):
    extra = json.dumps({"extra": told}).replace('"', '""')
    return f'"{1764000000 + second}.5","{event}","{channel}","{extra}","",""\n'


@pytest.mark.parametrize("arrival", [" 2 ", "nonsense 2 1764000000", "+56225550101 99999999999999999999 1764000000"])
def test_a_call_without_a_number_does_not_keep_the_daemon_from_the_others(tmp_path, engine, arrival):
    home = Home(tmp_path)
    written = home.asterisk / "log" / "cel-custom" / "fallback.csv"
    written.parent.mkdir(parents=True)
    good = "+56225550101 2 1764000005"
    written.write_text(
        "".join(
            record(second, event, channel, told)
            for second, channel, told in ((0, "pbx-1764000000.1", arrival), (5, "pbx-1764000005.2", good))
            for event in ("entered", "ended")
        )
    )
    board = Mock()
    board.call.return_value = None
    asyncio.run(CatchingUp(home, engine, board, Rules("Office"), Mock()).take_in())
    with reading(engine) as connection:
        assert call_log.find(connection, "pbx-1764000005.2").outcome == "missed"
    assert not list((home.run / "absence").glob("*.csv"))
