"""What a turn may cost altogether, whatever the other side answers."""

import ipaddress
from typing import Any

import pytest

from pbx_control.calendars import caldav
from pbx_control.calendars.caldav import CalDav
from pbx_control.calendars.http import Answer, Turnwise
from pbx_control.calendars.remote import RemoteTrouble, TroubleKind
from pbx_control.domain.agenda.rules import Source
from pbx_control.outward import Guard
from pbx_control.services import calendar_sync
from pbx_control.settings import Agenda
from pbx_control.store.remotes import Access

URL = "https://dav.example/c/"


class Endless:
    """A server that always has more to tell."""

    def __init__(self) -> None:
        self.limits: list[float] = []
        self.most: list[int] = []

    def ask(self, method: str, url: str, *, limit: float, most: int = 32 * 1024 * 1024, **_: Any) -> Answer:
        self.limits.append(limit)
        self.most.append(most)
        number = len(self.limits)
        body = (
            f'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/c/{number}.ics</d:href></d:response><d:response>'
            "<d:href>/c/</d:href><d:status>HTTP/1.1 507 More</d:status></d:response>"
            f"<d:sync-token>t{number}</d:sync-token></d:multistatus>"
        )
        return Answer(207, {}, body.encode())


def trouble_of(http: Turnwise) -> RemoteTrouble:
    with pytest.raises(RemoteTrouble) as caught:
        CalDav(http, URL, "u", "p").changes("")
    return caught.value


def test_all_answers_of_a_turn_have_so_many_bytes() -> None:
    server = Endless()
    assert trouble_of(Turnwise(server, 60.0, 2000)).kind is TroubleKind.ODD
    assert len(server.limits) < 12
    assert server.most[0] == 2000
    assert server.most == sorted(server.most, reverse=True)


def test_all_requests_of_a_turn_take_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr("pbx_control.calendars.http.time.monotonic", lambda: float(next(ticks)))
    server = Endless()
    assert trouble_of(Turnwise(server, 10.0, 10**9)).kind is TroubleKind.SLOW
    assert server.limits == [float(left) for left in range(9, 0, -1)]


def test_an_answer_of_elements_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caldav, "MOST_ELEMENTS", 5)
    assert trouble_of(Turnwise(Endless(), 60.0, 10**9)).kind is TroubleKind.ODD


@pytest.mark.parametrize(
    "address",
    ["fec0::1", "feff::1", "2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:a00:1", "192.88.99.1", "::ffff:192.88.99.1"],
)
def test_ways_of_old_into_our_walls_are_not_gone(address: str) -> None:
    assert not Guard().allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("limit", ["TURN_LIMIT", "TURN_BYTES"])
def test_every_turn_with_a_remote_calendar_is_limited_so(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_sync, limit, 0)
    connections = calendar_sync.Connections(Agenda())
    remote = connections.to(Access(source=Source.CALDAV, address=URL, user="u", secret="p"))
    with pytest.raises(RemoteTrouble) as caught:
        remote.changes("")
    assert caught.value.kind in (TroubleKind.SLOW, TroubleKind.ODD)
    connections.close()
