"""What a way of the API gives: its answer, and who else must hear of it."""

from dataclasses import dataclass

from pbx_control.web.api.shapes import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An answer. `again`: the same was asked for before, with the same key, and was not done twice."""

    answer: Told
    again: bool = False
    agenda_of: int = 0  # the client in whose calendars something changed; 0: none
    desk_of: int = 0  # the secretary on whose desk something changed; 0: none
