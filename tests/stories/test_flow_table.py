"""The table of the flow: every pair of phase and event is handled or ignored with a reason."""

import pytest

from pbx_control.domain.call import events as e
from pbx_control.domain.call import flow
from pbx_control.domain.call.model import Deadline, Phase

KEYS = (*flow.EVENT_TYPES, *Deadline)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.value if isinstance(key, Deadline) else key.__name__)
def test_every_pair_is_handled_or_ignored_with_a_reason(phase: Phase, key: type[e.Event] | Deadline) -> None:
    assert ((phase, key) in flow.TABLE) != ((phase, key) in flow.IGNORED)
    assert (phase, key) in flow.TABLE or flow.IGNORED[phase, key]


def test_the_tables_know_every_event_and_nothing_else() -> None:
    declared = {cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Event)}
    assert declared - {e.Event, e.Asked, e.Supervising, e.DeadlinePassed} == set(flow.EVENT_TYPES)
    assert {pair for table in (flow.TABLE, flow.IGNORED) for pair in table} == {(p, k) for p in Phase for k in KEYS}
