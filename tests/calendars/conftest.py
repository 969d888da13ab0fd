"""What the tests of remote calendars share: real CalDAV servers, and connections that may go to the loopback."""

import ipaddress
from collections.abc import Iterator

import pytest
from caldav_servers import PASSWORD, USER, Server, running

from pbx_control.calendars.caldav import CalDav
from pbx_control.calendars.http import Http

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@pytest.fixture(scope="session")
def radicale() -> Iterator[Server]:
    with running("radicale") as server:
        yield server


@pytest.fixture(scope="session")
def xandikos() -> Iterator[Server]:
    with running("xandikos") as server:
        yield server


@pytest.fixture(params=["radicale", "xandikos"])
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


@pytest.fixture
def http() -> Iterator[Http]:
    made = Http([LOOPBACK])
    yield made
    made.close()


@pytest.fixture
def url(server: Server) -> str:
    return server.calendar()


@pytest.fixture
def calendar(http: Http, url: str) -> CalDav:
    return CalDav(http, url, USER, PASSWORD)
