"""The drawing of a call's phases cannot lie: it is drawn from the table and compared with what is committed."""

from pathlib import Path

from pbx_control.domain.call import diagram
from pbx_control.domain.call.model import Phase

COMMITTED = Path(__file__).parents[2] / "docs" / "phases.md"


def test_the_committed_drawing_is_that_of_the_table() -> None:
    assert COMMITTED.read_text() == diagram.page(), "run: python -m pbx_control.domain.call.diagram > docs/phases.md"


def test_every_phase_can_be_reached_and_left() -> None:
    ends = list(diagram._arrows())
    assert {end for _, end in ends} == set(Phase) - {Phase.ARRIVING}
    assert {start for start, _ in ends} == set(Phase) - {Phase.ENDED}
