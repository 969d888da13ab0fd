"""`/metrics`: the figures of the house for Prometheus. No client's and nobody's name or number stands in them."""

import asyncio
import platform
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pbx_control import clock
from pbx_control.disks import Disk, disks
from pbx_control.domain.call.model import Phase
from pbx_control.domain.desk.duty import DeskState
from pbx_control.domain.figures.floor_now import by_state
from pbx_control.domain.figures.levels import Became
from pbx_control.errors import StoreUnavailable
from pbx_control.services import gauges
from pbx_control.services.figures import Today
from pbx_control.services.gauges import Gauges
from pbx_control.store.engine import reading
from pbx_control.web.site import Site, site_of
from pbx_control.web.wall.wall import Snapshot

# They are measured anew after so long, seconds, however many ask.
GOOD_FOR = 1.0
# Headers by which a proxy says for whom it asks: what it passes on comes from elsewhere, whatever address it has here.
OF_PROXIES = (
    *("forwarded", "via", "x-real-ip", "x-client-ip", "client-ip", "true-client-ip", "cf-connecting-ip"),
    *("x-forwarded-", "x-original-forwarded-"),
)
LONGEST_TOKEN = 500

Families = Iterator[GaugeMetricFamily]


async def metrics(request: Request) -> Response:
    """GET /metrics, for programs on this machine and for whoever has [web] metrics_token."""
    site = site_of(request)
    web = site.settings.web
    if not (_is_local(request, web.public_url) or _has_token(request, web.metrics_token)):
        return PlainTextResponse("for this machine, or with the token of [web] metrics_token\n", 403)
    return Response(await _measured(site), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _is_local(request: Request, public_url: str) -> bool:
    """Whether a program on this machine asks, and no proxy for somebody else. The peer's address decides; nothing that
    a request says of itself makes it local."""
    if request.client is None or _is_passed_on(request, public_url):
        return False
    try:
        peer = ip_address(request.client.host)
    except ValueError:
        return False
    # A socket of IPv6 gives peers of IPv4 such an address.
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return (mapped or peer).is_loopback


def _is_passed_on(request: Request, public_url: str) -> bool:
    """Whether it bears the mark of a proxy: a header of theirs, or the name by which the world reaches us."""
    name = request.headers.get("host", "").partition(":")[0].lower()
    return name == (urlsplit(public_url).hostname or None) or any(one.startswith(OF_PROXIES) for one in request.headers)


def _has_token(request: Request, token: str) -> bool:
    kind, _, given = request.headers.get("authorization", "")[:LONGEST_TOKEN].partition(" ")
    return bool(token) and kind.lower() == "bearer" and secrets.compare_digest(given.encode(), token.encode())


async def _measured(site: Site) -> bytes:
    """One measures, the others wait for what he finds."""
    known, now = site.gauges, asyncio.get_running_loop().time
    async with known.asking:
        if now() >= known.until:
            snapshot = await site.room.wall.look()
            known.text = await run_sync(_told, site, snapshot)
            known.until = now() + GOOD_FOR
        return known.text


def _told(site: Site, snapshot: Snapshot) -> bytes:
    at = clock.now()
    try:
        with reading(site.engine) as conn:
            found = gauges.read(conn, at)
    except StoreUnavailable:
        found = None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_House(snapshot, found, disks(site.home, site.settings), at))
    return generate_latest(registry)


class _House(Collector):
    """The house at an instant. What nobody knows at that moment is left out, never told as a nought."""

    def __init__(self, snapshot: Snapshot, found: Gauges | None, some: list[Disk], at: datetime) -> None:
        self._snapshot, self._gauges, self._disks, self._at = snapshot, found, some, at

    def collect(self) -> Families:
        """All families of metrics."""
        yield _one("pbx_daemon_ready", "Whether the daemon takes calls", not self._snapshot.daemon_away)
        yield _one("pbx_database_up", "Whether the database answers", self._gauges is not None)
        yield _labelled("pbx_build_info", "The software's version", ("version", "python"), [((VERSION, PYTHON), 1)])
        if not self._snapshot.daemon_away:
            yield from self._floor()
        if self._snapshot.today:
            yield from self._day(self._snapshot.today)
        if self._gauges:
            yield from self._beside(self._gauges)
        free = [((one.names,), one.free) for one in self._disks]
        yield _labelled("pbx_disk_free_bytes", "Room on each disk that is written to", ("folders",), free)

    def _floor(self) -> Families:
        counts, line = Counter(self._snapshot.phases), self._snapshot.line
        phases = [((phase.value,), counts[phase.value]) for phase in Phase if phase is not Phase.ENDED]
        yield _labelled("pbx_calls", "Live calls by phase", ("phase",), phases)
        yield _one("pbx_waiting_callers", "Callers who wait for a secretary", line.waiting if line else 0)
        since = line.since if line else None
        yield _one("pbx_longest_wait_seconds", "How long the first of them has waited", self._age(since) or 0)
        states = by_state(since for _, since in self._snapshot.secretaries)
        rows = [((state.value,), states[state]) for state in DeskState]
        yield _labelled("pbx_secretaries", "Secretaries by state", ("state",), rows)

    def _day(self, today: Today) -> Families:
        became = [((one.value,), getattr(today.all, one.value)) for one in Became]
        yield _labelled("pbx_calls_today", "Calls of the office's day by what became of them", ("became",), became)
        if today.all.level is not None:
            told = "Share of the calls of the office's day that were answered within 20 s"
            yield _one("pbx_service_level_ratio", told, today.all.level)
        yield _one("pbx_undelivered_letters", "Letters to clients' recipients that have not arrived", today.undelivered)
        yield _one("pbx_open_messages", "Messages that are still to be written", today.open_messages)

    def _beside(self, found: Gauges) -> Families:
        yield _one("pbx_outbox_letters", "Letters that wait to be sent", found.outbox.number)
        oldest = self._age(found.outbox.since) or 0
        yield _one("pbx_outbox_oldest_age_seconds", "How long ago the oldest of them was written", oldest)
        ages = [((job,), self._age(done) or 0) for job, done in sorted(found.jobs.items())]
        yield _labelled("pbx_job_last_success_age_seconds", "How long ago each job was last done", ("job",), ages)
        yield _labelled("pbx_nodes", "Daemons on this database by state", ("state",), _rows(found.nodes))
        told = "Appointments of which a remote calendar has still to be told"
        yield _one("pbx_mirror_waiting", told, found.mirror.number)
        late = self._age(found.mirror.since) or 0
        yield _one("pbx_mirror_oldest_age_seconds", "How long the first of them has been due", late)

    def _age(self, since: datetime | None) -> float | None:
        return max(0.0, (self._at - since).total_seconds()) if since else None


VERSION, PYTHON = version("pbx-control"), platform.python_version()
Rows = Sequence[tuple[tuple[str, ...], float]]


def _rows(counts: Mapping[str, int]) -> Rows:
    return [((name,), count) for name, count in counts.items()]


def _one(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=float(value))


def _labelled(name: str, told: str, labels: tuple[str, ...], rows: Rows) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family
