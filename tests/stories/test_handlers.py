"""Each handler of the flow takes the event that it is filed under: mypy does not see it, as a table has one type."""

from types import UnionType
from typing import Any, get_args, get_type_hints

import pytest

from pbx_control.domain.call.events import DeadlinePassed, Event
from pbx_control.domain.call.flow import TABLE
from pbx_control.domain.call.model import Deadline, Phase


def taken_by(handler: Any) -> tuple[type, ...]:
    """The kinds of event that a handler says it takes."""
    hint = get_type_hints(handler)["event"]
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


@pytest.mark.parametrize(("phase", "key"), TABLE, ids=lambda part: part.name if isinstance(part, Phase) else str(part))
def test_handler_takes_the_event_that_it_is_filed_under(phase: Phase, key: type[Event] | Deadline) -> None:
    filed_under = DeadlinePassed if isinstance(key, Deadline) else key
    assert any(issubclass(filed_under, kind) for kind in taken_by(TABLE[phase, key]))
